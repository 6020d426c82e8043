"""Accepts TLS and forwards to plain HTTP, for a test: `tls_proxy.py PORT CERTIFICATE KEY HOST:PORT`."""

import asyncio
import ssl
import sys

port, certificate, key, backend = sys.argv[1:]
host, backend_port = backend.split(":")


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    writer.close()


async def serve(reader, writer):
    to_reader, to_writer = await asyncio.open_connection(host, int(backend_port))
    await asyncio.gather(copy(reader, to_writer), copy(to_reader, writer))


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(serve, "127.0.0.1", int(port), ssl=context)
    await server.serve_forever()


asyncio.run(main())
