# cython: language_level=3
"""How a kernel takes a chunk: whole frames in one contiguous buffer, read-only or not.

Raw bytes are taken as what the kernel works on, in the byte order of this machine.  Another element type,
strides, a part of a frame or more frames than a kernel was made for are refused before anything is read.
Bytes need no buffer view, and as many of them as the last time no check and no division: at one frame a call
that is what a call costs.  ``is_usual`` says so; a kernel remembers the size of the last chunk that it held.

What a kernel writes stands in a bytearray that it keeps (``room``) and shows as float64 (``shown``).  Neither
needs the module ``array``, whose import brings ``collections`` along, nor a typed memoryview, for which
Cython makes a dozen classes in every module that has one.
"""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport uintptr_t
from libc.string cimport memcpy, memset, strlen

cdef enum Element:
    RAW = 0  # bytes and nothing else
    INT16 = 104  # b"h", its code in a buffer's format
    FLOAT64 = 100  # b"d"


cdef inline bint _has(Py_buffer* view, int element) noexcept:
    cdef size_t length
    if view.itemsize == 1:
        return True
    if element == RAW or view.format is NULL:
        return False
    length = strlen(view.format)
    return view.format[length - 1] == element and (length == 1 or (length == 2 and view.format[0] in b"<=@"))


cdef inline int _refuse_elements(Py_buffer* view, int element) except -1:
    given = (<bytes>view.format).decode("latin-1") if view.format is not NULL else "?"
    PyBuffer_Release(view)
    wanted = {RAW: "", INT16: "int16 or ", FLOAT64: "float64 or "}[element]
    raise ValueError("a chunk of elements of format %r: give %sbytes" % (given, wanted))


cdef inline int _refuse_size(Py_buffer* view, Py_ssize_t frame_bytes, Py_ssize_t largest) except -1:
    length = view.len
    PyBuffer_Release(view)
    raise ValueError(
        "a chunk of %d bytes: give at most %d whole frames of %d bytes" % (length, largest, frame_bytes)
    )


cdef inline int _refuse_place(Py_buffer* view) except -1:
    PyBuffer_Release(view)
    raise ValueError("a chunk of float64 that does not begin at a multiple of 8 bytes: copy it")


cdef inline Py_ssize_t hold(
    object chunk, Py_buffer* view, int element, Py_ssize_t frame_bytes, Py_ssize_t largest
) except -1:
    """Hold the chunk's buffer; how many frames of so many bytes it has. The caller releases it."""
    if PyBytes_CheckExact(chunk):
        memset(view, 0, sizeof(Py_buffer))  # of nobody: to release it does nothing
        view.buf, view.len = PyBytes_AS_STRING(chunk), PyBytes_GET_SIZE(chunk)
    else:
        PyObject_GetBuffer(chunk, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
        if not _has(view, element):
            return _refuse_elements(view, element)
    if view.len == frame_bytes:
        return 1
    if view.len % frame_bytes or view.len > largest * frame_bytes:
        return _refuse_size(view, frame_bytes, largest)
    return view.len // frame_bytes


cdef inline Py_ssize_t take(object chunk, Py_buffer* view, Py_ssize_t width, Py_ssize_t largest) except -1:
    """The same for frames of ``width`` float64, which must stand where a double can be read."""
    cdef Py_ssize_t frames = hold(chunk, view, FLOAT64, width * sizeof(double), largest)
    if frames and <uintptr_t>view.buf % sizeof(double):
        return _refuse_place(view)
    return frames


cdef inline bint is_usual(object chunk, Py_ssize_t usual_bytes) noexcept:
    """Is this chunk bytes, as many as were held the last time?"""
    return PyBytes_CheckExact(chunk) and PyBytes_GET_SIZE(chunk) == usual_bytes


cdef inline object answer(Py_ssize_t written):
    """What ``push`` returns; what it returns for one frame is mostly one of two numbers that are there already."""
    if written == 0:
        return 0
    return 2 if written == 2 else written


cdef inline object room(Py_ssize_t numbers):
    """Zeroed memory for so many float64, at least one."""
    return bytearray(8 * max(1, numbers))


cdef inline double* room_of(object room) noexcept:
    return <double*>PyByteArray_AS_STRING(room)


cdef inline object shown(object room):
    """What others read it through, as float64."""
    return memoryview(room).cast("d")


cdef inline int fill(double* into, Py_ssize_t wanted, object given, str what) except -1:
    """Copy so many numbers; ``ValueError`` for another count."""
    cdef Py_ssize_t at = 0
    if len(given) != wanted:
        raise ValueError("%d %s wanted, %d given" % (wanted, what, len(given)))
    for at in range(wanted):
        into[at] = given[at]
    return 0


cdef inline int restore(void* into, Py_ssize_t wanted, bytes state) except -1:
    """Copy a state of so many bytes; ``ValueError`` for another size."""
    if len(state) != wanted:
        raise ValueError("a state of %d bytes, this one has %d" % (wanted, len(state)))
    memcpy(into, PyBytes_AS_STRING(state), wanted)
    return 0
