#!/usr/bin/env python3
"""A second opinion on a ledger: verifies an evidence bundle, an event with its proof, or a folder of exported tiles.
    verify_ledger.py [--keys FILE] BUNDLE.zip|EVENT.tlog-proof|TILES...

It needs Python 3.9 alone. It was written from docs/evidence-bundle.md, docs/journal-format.md and the public documents
that they name, and shares no code with the ledger. Read it downward; its parts follow each other as lines of dashes.
--keys FILE  public keys that you trust and have from elsewhere, one a line (c2sp.org/signed-note). Without it the
             signature is checked with the key that the bundle brings, which is only its own word; a proof brings none.
Exit: 0 verified, 1 not verified, 2 could not, 64 usage. The last line says VERIFIED or NOT VERIFIED.
"""
import base64, csv, datetime, hashlib, io, json, os, re, struct, sys, zlib, zoneinfo
from decimal import Decimal, ROUND_HALF_EVEN, ROUND_HALF_UP, getcontext
getcontext().prec = 80  # every sum and product here is exact
HALF_NANOJOULES_PER_KWH = 7_200_000_000_000_000  # 1 kWh is 3.6 MJ
faults, left_out = [], []
class Bad(Exception): """What cannot be read, so that nothing after it can be verified."""
class Other(Exception): """What this program does not read, so that it can say neither of it."""
def fault(place, found, expected): faults.append(f"{place}: {found}, expected {expected}")
def same(place, what, found, expected): found == expected or fault(place, f"{what} {found}", expected)
# ---- Hashes: RFC 6962 section 2.1, proofs verified as RFC 9162 section 2.1.3.2
def sha256(data): return hashlib.sha256(data).digest()
def leaf_hash(entry): return sha256(b"\0" + entry)
def node_hash(left, right): return sha256(b"\1" + left + right)
def root_of(hashes):
    """The root over leaf hashes: level by level; a hash without a neighbour goes up as it is."""
    if not hashes: return sha256(b"")
    while len(hashes) > 1:
        pairs = [node_hash(a, b) for a, b in zip(hashes[::2], hashes[1::2])]
        hashes = pairs + hashes[len(pairs) * 2:]
    return hashes[0]
def includes(index, size, leaf, proof, root):
    if index >= size: return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0: return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn: fn, sn = fn >> 1, sn >> 1
        else: r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root
# ---- Signatures: Ed25519, RFC 8032 section 5.1, points in extended coordinates
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
def point_add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P
def point_multiply(number, point):
    product = (0, 1, 1, 0)  # the neutral element
    while number:
        if number & 1: product = point_add(product, point)
        point, number = point_add(point, point), number >> 1
    return product
def point_read(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if len(encoded) != 32 or y >= P: return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P: x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign): return None
    if x & 1 != sign: x = P - x
    return x, y, 1, x * y % P
BASE = point_read((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
def ed25519_verify(public_key, message, signature):
    if len(signature) != 64: return False
    a, r, s = point_read(public_key), point_read(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L: return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    left, right = point_multiply(s, BASE), point_add(r, point_multiply(k, a))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))
# ---- Notes and checkpoints: c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature
def from_base64(text):  # of which there is one spelling
    data = base64.b64decode(text, validate=True)
    return data if base64.b64encode(data).decode() == text else fault("base64", text, "its one spelling") or data
def read_keys(text):
    """{(name, key id): (algorithm, public key)}; 1 is a log's Ed25519, 4 a witness's."""
    keys = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        name, key_id, encoded = line.split("+", 2)
        key = base64.b64decode(encoded, validate=True)
        right = sha256(name.encode() + b"\n" + key)[:4]
        if bytes.fromhex(key_id) != right or key[0] not in (1, 4): raise Bad(f"the key {line!r} does not fit its id")
        keys[name, right] = key[0], key[1:]
    return keys
def read_note(note):
    text, mark, signatures = note.rpartition("\n\n")
    if not mark or signatures[-1:] != "\n": raise Bad("no signed note")
    return text + "\n", signatures[:-1].split("\n")
def signers(note, keys, origin=None, alone=False):  # the log's key, if it signed, and how many witnesses did
    (text, lines), log, witnesses = read_note(note), None, set()
    for line in lines:
        dash, name, encoded = line.split(" ")
        if dash != "\u2014": raise Bad(f"no signature line: {line!r}")
        signature = from_base64(encoded)
        algorithm, key = keys.get((name, signature[:4]), (0, b""))
        if algorithm == 1 and name == (origin or text.split("\n")[0]):
            holds = ed25519_verify(key, text.encode(), signature[4:])
            log = f"{name}+{signature[:4].hex()}"
        elif algorithm == 4:
            seconds = int.from_bytes(signature[4:12], "big")
            holds = ed25519_verify(key, f"cosignature/v1\ntime {seconds}\n{text}".encode(), signature[12:])
            witnesses.add(key)  # two names of one key are one voice
        elif alone: raise Bad(f"a signature of {name}, whose key is not among yours: it may be a damaged one")
        else: continue
        if not holds: raise Bad(f"the signature of {name} does not hold")
    return log, len(witnesses)
def follow(keys, notes):  # whoever a trusted key has handed over to is trusted too
    for note in notes:
        head, vkey, _ = read_note(note)[0].split("\n")
        (name, _), = handed = read_keys(vkey)
        if head != "the ledger signs from now on with": raise Bad("no note of handover")
        if signers(note, keys, name)[0]: keys = {**keys, **handed}
    return keys
def verify_checkpoint(note, own, trusted, alone=False):  # size, root, and what the last line says of them
    text, lines = read_note(note)
    origin, size, root = text.split("\n")[:3]
    if not re.fullmatch("0|[1-9][0-9]*", size) or len(root := from_base64(root)) != 32: raise Bad("no checkpoint")
    named = ", ".join(line.split(" ")[1] + "+" + base64.b64decode(line.split(" ")[2])[:4].hex() for line in lines)
    if own is not None and signers(note, own)[0] is None: fault("keys", "no key that signed", f"the key of {origin}")
    log, witnesses = signers(note, trusted, None, alone) if trusted is not None else (None, 0)
    unknown = f"whose key is {named}" if own else f"the signature of {named}"
    if trusted is None: left_out.append(f"{unknown}: name the keys that you trust with --keys FILE")
    elif log is None: fault("checkpoint", f"signed by {named}", f"a key of {origin} that you trust")
    if not witnesses: left_out.append("whether this key signed another history: no witness vouches for the checkpoint")
    return int(size), root, f"checkpoint={size} digest={root.hex()} key={log or 'not-checked'} witnesses={witnesses}"
# ---- The zip: stored, in order of names, 1980-01-01, nothing optional (docs/evidence-bundle.md)
def write_zip(files):
    local, central, at = [], [], 0
    for name, content in sorted((name.encode("ascii"), content) for name, content in files.items()):
        sizes = len(content), len(content), len(name)
        fields = struct.pack("<5H3I2H", 10, 0, 0, 0, 0x21, zlib.crc32(content), *sizes, 0)
        central.append(b"PK\1\2" + struct.pack("<H", 10) + fields + struct.pack("<3H2I", 0, 0, 0, 0, at) + name)
        local.append(b"PK\3\4" + fields + name + content)
        at += len(local[-1])
    directory, count = b"".join(central), len(files)
    return b"".join(local) + directory + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, count, count, len(directory), at, 0)
def read_zip(data):
    files, at = {}, 0
    while data[at:at + 4] == b"PK\3\4":
        size, = struct.unpack_from("<I", data, at + 18)
        name_size, = struct.unpack_from("<H", data, at + 26)
        name, at = data[at + 30:at + 30 + name_size].decode("ascii"), at + 30 + name_size
        if name in files or at + size > len(data): raise Bad(f"{name} is there twice or longer than the zip")
        files[name], at = data[at:at + size], at + size
    right = write_zip(files)
    if right != data:
        fault(f"zip, byte {len(os.path.commonprefix([right, data]))}", "another byte", "the one zip of its files")
    return files
# ---- One event: docs/journal-format.md
class Reader:
    def __init__(self, data): self.data, self.at = data, 0
    def take(self, form):
        values = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values
    def text(self): return self.take(f"{self.take('H')}s").decode()
def read_header(header):
    r, event = Reader(header), {}
    if r.take("B") != 1: raise Bad("unknown version of a header")
    event["ledger"], event["stream"], (event["revision"], _) = r.text(), r.text(), r.take("Q16s")  # and the id
    event["name"], _ = r.text(), r.take("H")  # and its version
    event["from"], _, event["recorded"] = r.take("3q")  # from when on the fact holds, until when, when it was recorded
    r.text(), r.text()  # actor, tenant
    if r.take("B"): r.take("16s")  # causation
    for _ in range(r.take("H")): r.text(), r.text(), r.take(f"{r.take('H')}s")  # sealed fields
    _, event["bytes"] = r.text(), r.take("I")  # after the content type
    if r.at != len(header): raise Bad("a header with more behind it")
    return event
def read_interval_record(payload):
    r, record = Reader(payload), {}
    if r.take("B") not in (1, 2): raise Bad("unknown layout of an interval record")
    record["point"], (record["from"], record["to"]) = r.text(), r.take("2q")
    record["version"], state, imported, exported = r.take("iB16s16s")
    record["Import"], record["Export"] = (int.from_bytes(e, "big", signed=True) for e in (imported, exported))
    covered = r.take("4q4iq")[2]
    record["missing"], record["evidence"] = r.take("B") == 6, r.take("32s").hex()
    record["proves"] = covered > 0 and state != 3 and not record["missing"]  # 3 is superseded
    return record
def read_proof(name, content, size, root, note):
    """The event that a proof discloses: c2sp.org/tlog-proof with the event as extra."""
    head, _, checkpoint = content.decode().partition("\n\n")
    lines = head.split("\n")
    if (lines[0], lines[1][:6], lines[2][:6]) != ("c2sp.org/tlog-proof@v1", "extra ", "index "): raise Bad("no proof")
    same(name, "checkpoint", checkpoint, note)
    same(name, "index", lines[2][6:], name[len("events/"):-len(".tlog-proof")])
    r = Reader(from_base64(lines[1][6:]))
    layout, salt, length = r.take("B32sI")
    header = r.take(f"{length}s")
    payload, event = r.data[r.at:], read_header(header)
    if layout != 1 or event["bytes"] != len(payload): raise Bad("no disclosed event")
    event["position"], path = int(lines[2][6:]), [from_base64(line) for line in lines[3:]]
    leaf = leaf_hash(sha256(salt + header + sha256(payload)))
    if not includes(event["position"], size, leaf, path, root): fault(name, "an event", "the one in the signed log")
    event["fact"] = read_interval_record(payload) if event["name"] == "interval-recorded" else json.loads(payload)
    return event
def verify_event(data, trusted):
    if trusted is None: raise Other("one event with its proof, which brings no key: name yours with --keys FILE")
    head, _, note = data.decode().partition("\n\n")
    size, root, closing = verify_checkpoint(note, None, trusted, alone=True)
    event = read_proof("events/" + head.split("\n")[2][6:] + ".tlog-proof", data, size, root, note)
    return f"events=1 position={event['position']} fact={event['name']} {closing}"
# ---- The bundle: docs/evidence-bundle.md
SINGLE = ["README.txt", "SHA256SUMS", "checkpoint", "keys", "statement.csv", "statement.json", "statement.lines"]
def verify_manifest(files):
    manifest = json.loads(files["manifest.json"])
    if manifest["format"] == "ledger-lines/1" and not faults: raise Other("lines of runs: ask 'ledger verify'")
    listed = {file["path"]: (file["bytes"], file["sha256"]) for file in manifest["files"]}
    found = {name: (len(c), sha256(c).hex()) for name, c in sorted(files.items()) if name != "manifest.json"}
    for name in sorted(set(SINGLE) | set(found) | set(listed)):
        same(name, "content", found.get(name, "no such file"), listed.get(name, "nothing, by the manifest"))
        if name not in SINGLE and not re.match("(events|evidence|handovers)/", name): fault(name, "a file", "no name")
    right = {"format": "ledger-bundle/1", "ledger": manifest["ledger"], "run": manifest["run"], "files": [
        {"path": name, "bytes": size, "sha256": digest} for name, (size, digest) in found.items()]}
    if files["manifest.json"].decode() != json.dumps(right, indent=2) + "\n":
        fault("manifest.json", "other bytes", "the one manifest of these files")
    return manifest
def verify_order(events, ledger):
    """Streams are whole from their beginning, but for those of run, erasures and places, and time does not fall."""
    revisions, recorded = {}, None
    for event in events:
        place, stream = f"events/{event['position']}.tlog-proof", event["stream"]
        same(place, "ledger", event["ledger"], ledger)
        if event["name"] not in ("settlement-run-completed", "subject-erased", "point-placed"):
            same(place, f"revision of {stream}", event["revision"], revisions.get(stream, 0))
        if recorded and event["recorded"] < recorded: fault(place, "an earlier time", "time that does not fall")
        revisions[stream], recorded = event["revision"] + 1, event["recorded"]
def verify_evidence(files, events):
    named, erased = set(), {}
    for event in (event for event in events if event["fact"].get("evidence")):
        named.add(event["fact"]["evidence"])
        head, _, listed = files.get("evidence/" + event["fact"]["evidence"], b"").partition(b"\n")
        listed = listed.decode().splitlines() if head[:-1] == b"ledger-evidence-manifest/" else []
        if event["name"] != "subject-erased": named.update(line.split()[0] for line in listed)  # a point may follow
        else: erased[event["position"]] = set(listed)  # these can be missing, because the log says so
    there = {name[len("evidence/"):] for name in files if name.startswith("evidence/")}
    gone = (named - there) & set().union(*erased.values())
    for d in sorted((named ^ there) - gone): fault(f"evidence/{d}", f"there: {d in there}", f"{d in named}")
    for at in (at for at in erased if not erased[at] & gone):
        fault(f"events/{at}.tlog-proof", "an erasure of nothing", "one of what is missing")
    left_out.extend(f"ERASED evidence {digest} and what comes from it" for digest in sorted(gone))
    for digest in there: same("evidence/" + digest, "SHA-256", sha256(files["evidence/" + digest]).hex(), digest)
    return len(there)
def verify_bundle(path, trusted):
    with open(path, "rb") as file: data = file.read()
    if data.startswith(b"c2sp.org/tlog-proof@"): return verify_event(data, trusted)
    files = read_zip(data)
    manifest = verify_manifest(files)
    note = files["checkpoint"].decode()
    handovers = [files[f"handovers/{i}"].decode() for i in range(2, len(files)) if f"handovers/{i}" in files]
    trusted = follow(trusted, handovers) if trusted is not None else None
    size, root, closing = verify_checkpoint(note, read_keys(files["keys"].decode()), trusted)
    events = sorted((read_proof(name, content, size, root, note) for name, content in files.items()
                     if name.startswith("events/")), key=lambda event: event["position"])
    verify_order(events, manifest["ledger"])
    evidence = verify_evidence(files, events)
    verify_statement(files, events, manifest["run"])
    left_out.append("README.txt: nothing vouches for it; interval records against their raw evidence")
    left_out.append("whether the account has other points, and the ledger other facts that count: ask for all of it")
    return f"events={len(events)} evidence={evidence} statements=1 {closing}"
# ---- The statement: which facts it names, its prices, its roundings, its totals, and the run that was recorded
LINE = ["number", "point", "direction", "start", "end", "tariffPeriod", "metered", "billedKwh", "pricePerKwh",
        "amountExact", "amount", "source", "quality", "problem"]
CSV = LINE[:6] + ["meteredKwh"] + LINE[7:11] + ["quality", "source", "problem"]
def number(text): return None if text == "-" else Decimal(text)
def verify_statement(files, events, run_name):
    runs = [event for event in events if event["name"] == "settlement-run-completed"]
    if [event["fact"]["run"] for event in runs] != [run_name]: raise Bad(f"not the one run {run_name}")
    run, place = runs[0]["fact"], f"events/{runs[0]['position']}.tlog-proof"
    for at in (event["position"] for event in events if event["name"] not in ("subject-erased", runs[0]["name"])):
        if at >= int(run["atPosition"]): fault(place, f"a fact of position {at}", f"facts before {run['atPosition']}")
    texts = files["statement.lines"].decode().split("\n")[:-1]; same(place, "lines", len(texts), run["lines"])
    same(place, "lines' root", root_of([leaf_hash(text.encode()) for text in texts]).hex(), run["linesRoot"])
    tariff, = [event["fact"] for event in events if event["name"] == "tariff-published"
               and (event["fact"]["tariff"], event["fact"]["version"]) == (run["tariff"], run["tariffVersion"])]
    more = [c for c in (t.split("|") for t in texts) if c[0] == "flexibility" or c[2].startswith("Charge")]
    lines = [dict(zip(LINE, text.split("|", 11)[:11] + text.split("|", 11)[11].rsplit("|", 2)))
             for text in texts[:len(texts) - len(more)]]  # charges, then flexibility, come after the lines
    numbers = [c[c[0] == "flexibility"] for c in (t.split("|") for t in texts)]
    same(place, "numbered in order", numbers == [str(i + 1) for i in range(len(texts))], True)
    if zone_of(run["zone"]) is not None:
        verify_tariff(place, events, run)
        verify_owner(place, lines, run, events)
        verify_times(lines, run, events)
    verify_energy(lines, {event["position"]: event for event in events})
    if tariff.get("terms") or more:
        amounts = [line["amount"] for line in lines] + [c[9 if c[0] == "flexibility" else 8] for c in more]
        same(place, "total", Decimal(run["total"]), sum(Decimal(amount) for amount in amounts if amount != "-"))
        same(place, "sum of postings", sum(Decimal(posting["amount"]) for posting in run["postings"]), 0)
        same(place, "paid to others", {c[12] for c in more if c[0] == "flexibility"} - {run["account"]}, set())
        return left_out.append("prices and amounts of lines, and how charges and flexibility follow: see ledger verify")
    verify_prices(lines, tariff)
    totals = verify_amounts(lines, tariff)
    same(place, "total", Decimal(run["total"]), sum(totals.values()))
    same(place, "incomplete", run["incomplete"], not lines or any(line["problem"] != "-" for line in lines))
    posted = [(f"receivable/{run['account']}", totals["Import"]), ("revenue/energy-import", -totals["Import"]),
              (f"payable/{run['account']}", totals["Export"]), ("cost/energy-export", -totals["Export"])]
    sold = "|".join(re.escape(e["fact"].get("seller") or "-") for e in events if e["name"] == "tariff-assigned")
    same(place, "postings", [(re.sub(f"^(revenue|cost)/({sold})/", r"\1/", p["account"]), Decimal(p["amount"]))
                             for p in run["postings"]], posted)
    verify_files(files, lines, run, totals)
def zone_of(name):
    try: return zoneinfo.ZoneInfo(name)
    except KeyError: return left_out.append(f"what depends on the zone {name}: this machine does not know it")
def midnight(run, days):
    """The beginning of the run's day, or of a later one, in UTC: of two midnights the earlier one."""
    day = datetime.date.fromisoformat(run["day"]) + datetime.timedelta(days)
    local = datetime.datetime.combine(day, datetime.time(), zoneinfo.ZoneInfo(run["zone"]))
    return local.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
def ticks(text): return int(datetime.datetime.fromisoformat(text[:19] + "+00:00").timestamp()) * 10_000_000
def verify_tariff(place, events, run):
    """The account's tariff, and its version, are those in force when the day begins."""
    start = ticks(midnight(run, 0))
    for name, key, member in ("tariff-assigned", "account", "tariff"), ("tariff-published", "tariff", "version"):
        held = [(e["from"], e["position"], e["fact"][member]) for e in events
                if e["name"] == name and e["fact"][key] == run[key] and e["from"] <= start]
        same(place, member, run["tariff" if member == "tariff" else "tariffVersion"], max(held)[2] if held else None)
def verify_owner(place, lines, run, events):
    """Each point is the account's when the day begins; a sale ends what the former owner had registered for later."""
    standing, start = {}, ticks(midnight(run, 0))
    for e in (e for e in events if e["name"] == "settlement-point-registered"):
        p, owner, at, of = e["fact"]["point"], e["fact"]["owner"], e["from"], standing.get(e["fact"]["point"], {})
        former = of.get(max((f for f in of if f <= at), default=0), owner)
        standing[p] = {f: o for f, o in of.items() if f <= at or former == owner or o != former} | {at: owner}
    own = {p for p, of in standing.items() if of.get(max((f for f in of if f <= start), default=0)) == run["account"]}
    same(place, f"points that are not {run['account']}'s:", {line["point"] for line in lines} - own, set())
def verify_times(lines, run, events):
    """A point's periods follow each other through the day, by direction; where its zone changed, it may end before."""
    zones = {(e["fact"]["point"], e["fact"]["zone"]) for e in events if e["name"] == "settlement-point-registered"}
    points, seen, ended = [point for point, _ in zones], {None}, None
    series = [(line["point"], line["direction"]) for line in lines] + [None]
    for i, (line, of) in enumerate(zip(lines, series)):
        place, begins = f"statement.lines, line {i + 1}", i == 0 or series[i - 1] != of
        if begins and of in seen: fault(place, f"lines of {of} once more", "those of another point or direction")
        same(place, "start", line["start"], midnight(run, 0) if begins else ended)
        seen, ended = seen | {of}, line["end"]
        if series[i + 1] != of and points.count(line["point"]) == 1: same(place, "end", ended, midnight(run, 1))
def verify_prices(lines, tariff):
    """A line's tariff period is that of its beginning, by the first rule that matches; its price is the period's."""
    prices = {(price["period"], direction): Decimal(price[direction.lower() + "PerKwh"])
              for price in tariff["prices"] for direction in ("Import", "Export")}
    zone = zone_of(tariff["zone"])
    for i, line in enumerate(lines):
        place = f"statement.lines, line {i + 1}"
        if zone is not None:
            at = datetime.datetime.fromisoformat(line["start"][:19] + "+00:00").astimezone(zone)
            same(place, "tariff period", line["tariffPeriod"], tariff_period(tariff, at) or "-")
        same(place, "price", number(line["pricePerKwh"]), prices.get((line["tariffPeriod"], line["direction"])))
def tariff_period(tariff, at):
    day = "Holiday" if at.date().isoformat() in tariff["holidays"] else "Weekend" if at.weekday() > 4 else "Weekday"
    time = at.time().isoformat()
    return next((rule["period"] for rule in tariff["rules"] if at.month in rule["months"] and day in rule["days"]
                 and rule["from"] <= time and (rule["to"] is None or time < rule["to"])), None)
def verify_energy(lines, events):
    """Interval records: the newest ones of the line's time, wherever they prove it; no register's energy is derived."""
    newest, others = {}, 0
    for record in (event["fact"] for event in events.values() if event["name"] == "interval-recorded"):
        before = newest.setdefault(record["point"], {}).setdefault((record["from"], record["to"]), record)
        if before["version"] < record["version"]: newest[record["point"]][record["from"], record["to"]] = record
    for i, line in enumerate(lines):
        place, energy, (start, end) = f"statement.lines, line {i + 1}", 0, (ticks(line["start"]), ticks(line["end"]))
        inside = [r for (a, b), r in newest.get(line["point"], {}).items() if start <= a and b <= end]
        if line["metered"] == "-": same(place, "records that prove energy", sum(r["proves"] for r in inside), 0)
        elif re.match(r"interval records? \d", line["source"]):
            for position, version in re.findall(r"(\d+) v(\d+)", line["source"]):
                record = events[int(position)]["fact"]
                same(place, "record", (any(record is r for r in inside), record["version"]), (True, int(version)))
                energy += 0 if record["missing"] else record[line["direction"]]
            same(place, "energy", int(line["metered"]), energy)
        else: others += 1
    if others: left_out.append(f"the energy of {others} lines against their register or interval readings")
def verify_amounts(lines, tariff):
    """Energy half up, money half away from zero; rests are carried on, those of energy within point and direction."""
    quantum = HALF_NANOJOULES_PER_KWH // 10 ** tariff["energyDecimals"]
    cent = Decimal(1).scaleb(-tariff["moneyDecimals"])
    carried, series, owed, totals = 0, None, Decimal(0), {"Import": Decimal(0), "Export": Decimal(0)}
    for i, line in enumerate(lines):
        place = f"statement.lines, line {i + 1}"
        if series != (line["point"], line["direction"]): series, carried = (line["point"], line["direction"]), 0
        billed = None
        if line["metered"] != "-":
            due = int(line["metered"]) + carried
            steps = (2 * due + quantum) // (2 * quantum)
            carried, billed = due - steps * quantum, Decimal(steps).scaleb(-tariff["energyDecimals"])
        same(place, "billed kWh", number(line["billedKwh"]), billed)
        sign, price, way = 1 if line["direction"] == "Import" else -1, number(line["pricePerKwh"]), line["direction"]
        exact = sign * billed * price if line["problem"] == "-" else None
        same(place, "exact amount", number(line["amountExact"]), exact)
        amount = None if exact is None else (exact + owed).quantize(cent, ROUND_HALF_UP)  # away from zero
        if exact is not None: owed, totals[way] = owed + exact - amount, totals[way] + amount
        same(place, "amount", number(line["amount"]), amount)
    return totals
def verify_files(files, lines, run, totals):
    """The statement for a spreadsheet and for a program says what its lines say."""
    table = list(csv.reader(io.StringIO(files["statement.csv"].decode(), newline="")))
    said = json.loads(files["statement.json"])
    same("statement.csv", "columns", table[0], CSV)
    same("statement", "lines in CSV and JSON", (len(table) - 1, len(said["lines"])), (len(lines), len(lines)))
    for i, (line, cells, members) in enumerate(zip(lines, table[1:], said["lines"])):
        row = {name: "" if line.get(name) == "-" else line.get(name, "") for name in CSV}
        for name in ("direction", "tariffPeriod", "quality"): row[name] = row[name][:1].lower() + row[name][1:]
        if line["metered"] != "-":
            kwh = Decimal(line["metered"]) / HALF_NANOJOULES_PER_KWH
            row["meteredKwh"] = f"{kwh.quantize(Decimal(1).scaleb(-12), ROUND_HALF_EVEN):f}"
        same(f"statement.csv, line {i + 2}", "cells", dict(zip(CSV, cells)), row)
        members = {name: "" if value is None else str(value) for name, value in members.items()}
        same(f"statement.json, line {i + 1}", "members", members, row)
    for name in sorted(set(run) - {"kind", "lines"}): same("statement.json", name, said[name], run[name])
    for name in totals: same("statement.json", f"{name} total", Decimal(said[f"{name.lower()}Total"]), totals[name])
# ---- Tiles: c2sp.org/tlog-tiles
def read_tile(folder, level, first, end):
    """The tile that begins at first: tile/LEVEL/x001/x234/067, and .p/WIDTH where it is not full."""
    digits, width = str(first // 256), min(256, end - first)
    groups = re.findall("...", digits.zfill(-(-len(digits) // 3) * 3))
    name = "/".join(["x" + group for group in groups[:-1]] + groups[-1:]) + ("" if width == 256 else f".p/{width}")
    with open(os.path.join(folder, "tile", str(level), *name.split("/")), "rb") as file: return file.read()
def verify_tiles(folder, trusted):
    with open(os.path.join(folder, "checkpoint"), encoding="utf-8", newline="") as file: note = file.read()
    size, root, closing = verify_checkpoint(note, None, trusted)
    leaves, tiles, level = [], 0, 0
    for first in range(0, size, 256):
        r, tiles = Reader(read_tile(folder, "entries", first, size)), tiles + 1
        while r.at < len(r.data): leaves.append(leaf_hash(r.take(f"{r.take('H')}s")))
    same("tile/entries", "root and size", (root_of(leaves).hex(), len(leaves)), (root.hex(), size))
    hashes = leaves
    while hashes:
        for first in range(0, len(hashes), 256):
            found, tiles = read_tile(folder, level, first, len(hashes)), tiles + 1
            same(f"tile/{level}, from {first}", "hashes", found.hex(), b"".join(hashes[first:first + 256]).hex())
        level, hashes = level + 1, [root_of(hashes[i:i + 256]) for i in range(0, len(hashes) - 255, 256)]
    return f"leaves={size} tiles={tiles} {closing}"
# ---- What it comes to
def verify(path, trusted):
    faults.clear(), left_out.clear()
    try:
        result = verify_tiles(path, trusted) if os.path.isdir(path) else verify_bundle(path, trusted)
    except Other as other: return print(f"verify_ledger: {path} is {other}", file=sys.stderr) or 2
    except Exception as wrong:  # whatever cannot be read is not verified
        fault(path, f"{type(wrong).__name__}: {wrong}", "something that can be read")
        left_out.append("what comes after it")
    for line in faults + [f"NOT CHECKED: {line}" for line in left_out]: print(line)
    print(f"NOT VERIFIED faults={len(faults)} {path}" if faults else f"VERIFIED {result}")
    return 1 if faults else 0
def main(arguments):
    trusted = None
    try:
        if arguments[:1] == ["--keys"] and len(arguments) > 1:
            with open(arguments[1], encoding="utf-8") as file: trusted = read_keys(file.read())
            arguments = arguments[2:]
        if not arguments or any(argument.startswith("--") for argument in arguments):
            return print(__doc__, file=sys.stderr) or 64
        for path in arguments: os.stat(path)
    except (OSError, ValueError, Bad) as wrong:
        return print(f"verify_ledger: {wrong}", file=sys.stderr) or 2
    return max([verify(path, trusted) for path in arguments])
if __name__ == "__main__": sys.exit(main(sys.argv[1:]))
