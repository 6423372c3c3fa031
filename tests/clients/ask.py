"""Asks one question the way WAY, as a client written by somebody else, and prints what came back, one fact a line.

    ask.py WAY ADDRESS PORT CA NAME QNAME QTYPE [SOURCE]

WAY is doq (dnspython), doh (dnspython over HTTP/2 by httpx), or h3-get and h3-post (aioquic). SOURCE is the address to ask from, for
the last two.
"""

import asyncio
import ssl
import sys

import dns.message
import dns.query
import dns.rcode
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

TIMEOUT_SECS = 8


class Http3(QuicConnectionProtocol):
    """One query over HTTP/3 at a time."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.headers = {}
        self.body = b""
        self.done = asyncio.get_running_loop().create_future()

    def quic_event_received(self, event):
        for it in self.http.handle_event(event):
            if isinstance(it, HeadersReceived):
                self.headers.update(it.headers)
            elif isinstance(it, DataReceived):
                self.body += it.data
            if getattr(it, "stream_ended", False) and not self.done.done():
                self.done.set_result(None)

    async def ask(self, authority, query, by_get):
        stream = self._quic.get_next_available_stream_id()
        path = b"/dns-query"
        if by_get:
            import base64

            path += b"?dns=" + base64.urlsafe_b64encode(query).rstrip(b"=")
        headers = [
            (b":method", b"GET" if by_get else b"POST"),
            (b":scheme", b"https"),
            (b":authority", authority.encode()),
            (b":path", path),
            (b"accept", b"application/dns-message"),
        ]
        if not by_get:
            headers.append((b"content-type", b"application/dns-message"))
        self.http.send_headers(stream, headers, end_stream=by_get)
        if not by_get:
            self.http.send_data(stream, query, end_stream=True)
        self.transmit()
        await asyncio.wait_for(self.done, TIMEOUT_SECS)


async def http3(address, port, ca, name, query, by_get, source):
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name=name)
    configuration.load_verify_locations(ca)
    # `connect` of aioquic would do this, and not from an address of our choice.
    connection = QuicConnection(configuration=configuration)
    transport, client = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Http3(connection), local_addr=(source or "0.0.0.0", 0)
    )
    client.connect((address, port))
    await asyncio.wait_for(client.wait_connected(), TIMEOUT_SECS)
    await client.ask(f"{name}:{port}", query.to_wire(), by_get)
    for key in (b":status", b"content-type", b"cache-control", b"content-length"):
        print(key.decode(), client.headers.get(key, b"").decode())
    client.close()
    await client.wait_closed()
    transport.close()
    return dns.message.from_wire(client.body)


def main():
    way, address, port, ca, name, qname, qtype, *source = sys.argv[1:]
    port = int(port)
    query = dns.message.make_query(qname, qtype, use_edns=0, pad=128)
    query.id = 0
    if way == "doq":
        reply = dns.query.quic(
            query, address, TIMEOUT_SECS, port, verify=ca, server_hostname=name
        )
    elif way == "doh":
        context = ssl.create_default_context(cafile=ca)
        url = f"https://{name}:{port}/dns-query"
        reply = dns.query.https(
            query, url, TIMEOUT_SECS, verify=context, bootstrap_address=address
        )
    else:
        reply = asyncio.run(
            http3(address, port, ca, name, query, way == "h3-get", *(source or [None]))
        )
    print("rcode", dns.rcode.to_text(reply.rcode()))
    print("length", len(reply.wire))
    for rrset in reply.answer:
        for record in rrset:
            print("answer", record)


main()
