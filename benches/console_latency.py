"""Time from a key to the end of the frame it causes, through a pseudo-terminal, while an ingest runs.
usage: console_latency.py GANTRY WORKSPACE SCREEN ROWS COLUMNS FOLDER [PROTOCOL [KEYS]]
FOLDER is ingested; the workspace holds some series already. PROTOCOL draws pictures (default halfblocks; sixel has cells of
8 by 16 pixels). KEYS are sent in turn; the default `Gg` moves the selection each time, so each causes a frame. In review, `jk`
turns slices."""
import fcntl, os, pty, select, statistics, struct, subprocess, sys, termios, time

gantry, workspace, screen, rows, columns, folder = sys.argv[1:7]
protocol, keys = (sys.argv[7:] + ["halfblocks", "Gg"][len(sys.argv) - 7:])[:2]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 8 * int(columns), 16 * int(rows)))
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
    os.execv(gantry, [gantry, "--workspace", workspace, "console", "--protocol", protocol, "--screen", screen])

def drain(seconds):
    end = time.time() + seconds
    while (left := end - time.time()) > 0:
        if select.select([terminal], [], [], left)[0]: os.read(terminal, 1 << 16)

drain(4)
load = subprocess.Popen([gantry, "--workspace", workspace, "--json", "ingest", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
drain(.3)
times = []
while load.poll() is None and len(times) < 1000:
    start = time.perf_counter()
    os.write(terminal, keys[len(times) % len(keys)].encode())
    while True:
        if not select.select([terminal], [], [], 1)[0]: times.append(1.0); break
        if b"\x1b[?2026l" in os.read(terminal, 1 << 16): times.append(time.perf_counter() - start); break
    drain(.02)
times.sort()
print(f"{screen} {columns}x{rows} {protocol}: {len(times)} keys, median {statistics.median(times) * 1e3:.1f} ms, 99th percentile {times[min(len(times) - 1, int(len(times) * .99))] * 1e3:.1f} ms")
os.kill(pid, 15); load.wait()
