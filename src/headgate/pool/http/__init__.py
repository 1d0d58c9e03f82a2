"""HTTP/1.1 to providers over asyncio: connections, the pool of them, and proxies."""
