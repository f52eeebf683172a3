/* The plain relay that the closed loop is compared with: ``latency_relay IN OUT BYTES``.
 *
 * Reads from the serial port IN until a frame of the hub ends (FF F2) and writes a fixed command of BYTES
 * bytes to the serial port OUT.  No decoding, no decision: what is left is the kernel's way from one port to
 * the other.  Ends when IN hangs up.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count != 4) return 2;
    int in = open(words[1], O_RDWR | O_NOCTTY), out = open(words[2], O_RDWR | O_NOCTTY);
    size_t bytes = (size_t)atoi(words[3]);
    unsigned char got[4096], *command = malloc(bytes);
    if (in < 0 || out < 0 || !command) return 1;
    memset(command, 0x5A, bytes);
    for (;;) {
        ssize_t length = read(in, got, sizeof got);
        if (length <= 0) return 0;
        if (length < 2 || got[length - 2] != 0xFF || got[length - 1] != 0xF2) continue;
        if (write(out, command, bytes) != (ssize_t)bytes) return 1;
    }
}
