"""Verifies every signature of messages with dkimpy (Debian's python3-dkim), by records from a file instead of a name server.

verify.py RECORDS.json MESSAGE...: prints a line for each message, "FILE ok ok", one word for each of its signatures, the uppermost first.
"""
import json
import sys

import dkim

with open(sys.argv[1], encoding="ascii") as file:
    records = json.load(file)


def text_at(name, timeout=5):
    if isinstance(name, bytes):
        name = name.decode("ascii")
    return records[name.rstrip(".")].encode("ascii")


for path in sys.argv[2:]:
    with open(path, "rb") as file:
        message = file.read()
    words = []
    count = sum(1 for line in message.split(b"\r\n\r\n")[0].split(b"\r\n") if line.lower().startswith(b"dkim-signature:"))
    for index in range(count):
        try:
            words.append("ok" if dkim.DKIM(message, minkey=2048).verify(idx=index, dnsfunc=text_at) else "bad")
        except dkim.DKIMException as refused:
            words.append(type(refused).__name__)
    print(path, *words)
