# cython: language_level=3
"""How a kernel takes a chunk: whole frames of float64 in one contiguous buffer, read-only or not.

Raw bytes are taken as float64 in the byte order of this machine.  Another element type, strides, a part of a
frame or more frames than a kernel was made for are refused before anything is read.
"""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uintptr_t
from libc.string cimport strlen


cdef inline bint _is_float64(Py_buffer* view) noexcept:
    cdef size_t length
    if view.itemsize == 1:
        return True
    if view.itemsize != sizeof(double) or view.format is NULL:
        return False
    length = strlen(view.format)
    return view.format[length - 1] == b"d" and (length == 1 or view.format[0] in b"<=@")


cdef inline Py_ssize_t take(object chunk, Py_buffer* view, Py_ssize_t width, Py_ssize_t largest) except -1:
    """Hold the chunk's buffer; how many frames of ``width`` numbers it has. The caller releases it."""
    cdef Py_ssize_t frame_bytes = width * sizeof(double)
    PyObject_GetBuffer(chunk, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    if view.len == 0:
        return 0
    if _is_float64(view) and view.len % frame_bytes == 0 and view.len <= largest * frame_bytes:
        if <uintptr_t>view.buf % sizeof(double) == 0:
            return view.len // frame_bytes
    length = view.len
    PyBuffer_Release(view)
    raise ValueError(
        "a chunk of %d bytes: give at most %d whole frames of %d float64 (%d bytes each), aligned"
        % (length, largest, width, frame_bytes)
    )
