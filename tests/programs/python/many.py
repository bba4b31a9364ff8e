# SPDX-License-Identifier: Apache-2.0
"""multiprocessing in its three ways, asyncio, ctypes, mmap, executors."""

import asyncio
import concurrent.futures
import ctypes
import mmap
import multiprocessing as mp
import os
from multiprocessing import shared_memory


def square(x):
    return x * x


def add(lock, value, queue):
    for _ in range(100):
        with lock:
            value.value += 1
    queue.put(True)


def processes():
    for method in ("fork", "spawn", "forkserver"):
        with mp.get_context(method).Pool(3) as pool:
            print(method, pool.map(square, range(8)))
    lock, value, queue = mp.Lock(), mp.Value("i", 0), mp.Queue()
    children = [mp.Process(target=add, args=(lock, value, queue)) for _ in range(3)]
    for child in children:
        child.start()
    print([queue.get() for _ in children])
    for child in children:
        child.join()
    print(value.value)
    block = shared_memory.SharedMemory(create=True, size=4096)
    block.buf[0] = 7
    again = shared_memory.SharedMemory(name=block.name)
    print(again.buf[0])
    again.close()
    block.close()
    block.unlink()
    with mp.Manager() as manager:
        shared = manager.dict()
        shared["a"] = 1
        print(dict(shared))
    with concurrent.futures.ProcessPoolExecutor(2) as executor:
        print(list(executor.map(square, range(5))))


async def echo(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()


async def tick(n):
    await asyncio.sleep(0.01 * n)
    return n


async def events():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n")
    print(await reader.read())
    child = await asyncio.create_subprocess_exec("/bin/echo", "sub", stdout=asyncio.subprocess.PIPE)
    print(await child.communicate())
    print(await asyncio.gather(*(tick(i) for i in range(4))))


def foreign():
    libc = ctypes.CDLL(None)
    print(libc.abs(-5))
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 5)(3, 1, 2, 5, 4)
    libc.qsort(numbers, 5, ctypes.sizeof(ctypes.c_int), callback(lambda a, b: a[0] - b[0]))
    print(list(numbers))
    shared = mmap.mmap(-1, 8192)
    shared[0:3] = b"abc"
    pid = os.fork()
    if not pid:
        shared[0:3] = b"xyz"
        os._exit(0)
    os.waitpid(pid, 0)
    print(shared[:3])


if __name__ == "__main__":
    processes()
    asyncio.run(events())
    foreign()
