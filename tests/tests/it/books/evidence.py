# Verifies a document of `brink-issuer usage evidence` with nothing of ours but the pinned root keys: PyJWT for what was
# signed, hashlib for chains and batches, and a reader of postcard for the sums. Prints what is acknowledged.
import base64, hashlib, json, struct, sys
from decimal import Decimal

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# RFC 7638 over RFC 8037.
def thumbprint(x):
    return b64(sha256(b'{"crv":"Ed25519","kty":"OKP","x":"' + x.encode() + b'"}'))


def public(x):
    return Ed25519PublicKey.from_public_bytes(unb64(x))


def of_kids(keys):
    for key in keys:
        assert thumbprint(key["x"]) == key["kid"], key
    return {key["kid"]: key for key in keys}


def signed_by(roots, payload, signatures):
    message = b"BRINK-KEYSET-V1\0" + struct.pack("<Q", len(payload)) + payload
    good = set()
    for one in signatures:
        if one["kid"] in roots:
            public(roots[one["kid"]]["x"]).verify(unb64(one["sig"]), message)
            good.add(one["kid"])
    return len(good)


# Each manifest is signed by the roots before it and by its own; the first one's are those that are pinned.
def keyset(trust, manifests):
    before, held = None, None
    for text in manifests:
        envelope = json.loads(text)
        payload = unb64(envelope["payload"])
        claims = json.loads(payload)
        own = of_kids(claims["root"]["keys"])
        if held is None:
            pinned = {kid: own[kid] for kid in trust["roots"] if kid in own}
            assert signed_by(pinned, payload, envelope["sigs"]) >= trust["threshold"]
        else:
            assert claims["prev_sha256"] == b64(sha256(before)) and claims["version"] == held["version"] + 1
            old = of_kids(held["root"]["keys"])
            assert signed_by(old, payload, envelope["sigs"]) >= held["root"]["threshold"]
        assert signed_by(own, payload, envelope["sigs"]) >= claims["root"]["threshold"]
        assert claims["iss"] == trust["issuer"]
        before, held = payload, claims
    return of_kids(held["keys"])


class Postcard:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        part = self.data[self.at : self.at + count]
        assert len(part) == count, "too short"
        self.at += count
        return part

    def uint(self):
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def int(self):
        value = self.uint()
        return (value >> 1) ^ -(value & 1)

    def text(self):
        return self.take(self.uint()).decode()

    def option(self, read):
        return read() if self.uint() else None

    def list(self, read):
        return [read() for _ in range(self.uint())]


def total(read):
    return {"total": read.uint(), "records": read.uint(), "count": read.uint(), "first": read.int(), "last": read.int()}


def fold(read):
    start, last = read.uint(), read.take(32)
    meters = read.list(lambda: (read.text(), total(read)))
    sums = read.list(lambda: (meters[read.uint()][0], read.option(read.text), read.int(), read.uint(), read.uint(), read.uint()))
    return {"from": start, "last": last, "totals": {name: after["total"] for name, after in meters},
            "used": [(meter, quantity) for meter, _, _, quantity, _, _ in sums]}


def usage(read):
    meter, _, quantity, _, after = read.text(), read.option(read.text), read.uint(), read.uint(), read.uint()
    return {"totals": {meter: after}, "used": [(meter, quantity)]}


def recover(read):
    return {"good": (read.uint(), read.take(32)), "seen": read.uint()}


def record(data):
    read = Postcard(data)
    assert read.take(1) == b"\x01"
    head = {"dev": read.text(), "epoch": read.uint(), "seq": read.uint()}
    read.uint(), read.int(), read.int(), read.int()  # boot, and three clocks
    read.option(read.text)  # licence
    kind = read.uint()
    head["kind"] = ["usage", "recover", "close", "fold"][kind]
    head |= [usage, recover, lambda _: {}, fold][kind](read)
    head["prev"] = read.take(32)
    assert read.at == len(data), "too long"
    return head


def hash_of(data, said):
    return said["last"] if said["kind"] == "fold" else sha256(b"brink/rec/v1\0", struct.pack(">Q", len(data)), data)


class Chain:
    def __init__(self, device, epoch, jkt):
        self.name = (device, epoch)
        self.seq, self.hash = 0, sha256(b"brink/gen/v1\0", device.encode(), struct.pack(">I", epoch), unb64(jkt))
        self.totals, self.sums, self.records, self.lost = {}, {}, [], 0

    def admit(self, data):
        said = record(data)
        assert (said["dev"], said["epoch"]) == self.name
        if said["kind"] == "recover":
            assert said["good"] == (self.seq, self.hash) and said["seq"] > self.seq
            self.lost += said["seq"] - self.seq - 1
            self.totals = None
        else:
            assert said.get("from", said["seq"]) == self.seq + 1 and said["prev"] == self.hash
        for meter, quantity in said.get("used", []):
            self.sums[meter] = self.sums.get(meter, 0) + quantity
            if self.totals is not None:
                self.totals[meter] = self.totals.get(meter, 0) + quantity
        if self.totals is not None:
            assert said.get("totals", {}).items() <= self.totals.items(), "a total does not follow"
        self.seq, self.hash = said["seq"], hash_of(data, said)
        self.records.append(data)

    def digest(self, count):
        pieces = [piece for data in self.records[-count:] for piece in (struct.pack(">I", len(data)), data)]
        return b64(sha256(b"brink/batch/v1\0", *pieces))


def decode(token, x, typ, **more):
    head = jwt.get_unverified_header(token)
    assert head == {"alg": "EdDSA", "kid": thumbprint(x), "typ": typ}, head
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    return jwt.decode(token, public(x), algorithms=["EdDSA"], options=options, **more)


def verify(document, trust):
    assert document["kind"] == "brink-usage-evidence/v1" and document["issuer"] == trust["issuer"]
    keys, chains = keyset(trust, document["manifests"]), {}
    for one in document["statements"]:
        said = decode(one["checkpoint"], one["device_key"], "brink-checkpoint+jwt", issuer=trust["issuer"])
        key = keys[jwt.get_unverified_header(one["receipt"])["kid"]]
        assert key["use"] == "receipt", key
        told = decode(one["receipt"], key["x"], "brink-receipt+jwt", issuer=trust["issuer"], audience="brink-edge")
        assert said["dev"] == told["dev"] == document["device"]
        chain = chains.setdefault(said["epoch"], Chain(said["dev"], said["epoch"], said["jkt"]))
        for text in one["records"]:
            chain.admit(unb64(text))
        assert (chain.seq, b64(chain.hash)) == (said["seq"], said["hash"]), "the device signed another record"
        assert chain.digest(one["batch_records"]) == said["batch"], "the device signed other records"
        acknowledged = {"epoch": said["epoch"], "seq": said["seq"], "hash": said["hash"]}
        assert acknowledged in told["usage"]["cursors"] and told["usage"]["batch"] == "taken", "not acknowledged"
    sums = {}
    for chain in chains.values():
        for meter, units in chain.sums.items():
            sums[meter] = sums.get(meter, 0) + units
    plain = lambda units: format((Decimal(units) / 10**12).normalize(), "f")
    return {"sums": {meter: plain(units) for meter, units in sums.items()},
            "records": sum(len(chain.records) for chain in chains.values()),
            "lost": sum(chain.lost for chain in chains.values())}


# Every word that is changed by one character, and every record by one bit, is found.
def tampered(document):
    def swap(text):
        return ("B" if text[0] == "A" else "A") + text[1:]

    for at, one in enumerate(document["statements"]):
        for name in ("checkpoint", "receipt"):
            head, _, signature = one[name].rpartition(".")
            yield at, {**one, name: head + "." + swap(signature)}
        yield at, {**one, "device_key": swap(one["device_key"])}
        data = bytearray(unb64(one["records"][0]))
        data[len(data) // 2] ^= 1
        yield at, {**one, "records": [b64(bytes(data))] + one["records"][1:]}
        yield at, {**one, "records": one["records"][1:]}


document, trust = (json.load(open(path)) for path in sys.argv[1:])
seen = verify(document, trust)
found = 0
for at, changed in tampered(document):
    statements = document["statements"][:at] + [changed] + document["statements"][at + 1 :]
    try:
        verify({**document, "statements": statements}, trust)
    except Exception:
        found += 1
        continue
    sys.exit(f"statement {at} was changed and nobody saw it")
print(json.dumps({**seen, "found": found}))
