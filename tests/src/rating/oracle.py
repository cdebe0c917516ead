"""An independent rater, in exact fractions. It reads pairs of a quote and the answer to it, one JSON document a line, rates the
quote by itself, and prints how many answers differ. Written from the rules of rating and docs/DECISIONS.md, not from the program."""
import bisect, json, sys
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction as F
from functools import lru_cache
from math import ceil, floor
from zoneinfo import ZoneInfo

MINOR = {"USD": 2, "JPY": 0, "KWD": 3}
EVERY = {"support": "year", "setup": "once"}
METER = {"api_call_overage": "api_call", "tokens": "llm_token", "sms": "sms"}
ALIAS = {"llm_tokens": "llm_token"}


@lru_cache(None)
def zone_of(name):
    return ZoneInfo(name)


def date_at(zone, t):
    return datetime.fromtimestamp(t, zone_of(zone)).date()


@lru_cache(None)
def midnight(zone, day):
    """The first second whose local date is this one or later."""
    utc = int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp())
    low, high = utc - 2 * 86400, utc + 2 * 86400
    while high - low > 1:
        middle = (low + high) // 2
        if date_at(zone, middle) >= day:
            high = middle
        else:
            low = middle
    return high


def months_after(day, months):
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(1)).day
    return date(year, month + 1, min(day.day, last))


def half_away(x):
    return floor(x + F(1, 2)) if x >= 0 else -floor(-x + F(1, 2))


def share_out(total, exact):
    """Largest remainder: whole parts of a total from exact parts; of equal remainders the first."""
    if total < 0:
        return [-part for part in share_out(-total, [-x for x in exact])]
    parts = [floor(x) for x in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    assert sum(parts) == total
    return parts


def share_by(total, weights):
    whole = sum(weights)
    if whole == 0:
        return [total if i == 0 else 0 for i in range(len(weights))]
    return share_out(total, [F(total * weight, whole) for weight in weights])


class Quote:
    def __init__(self, q):
        self.q = q
        self.zone = q["timezone"]
        self.unit = 10 ** MINOR[q["currency"]]
        self.first = date.fromisoformat(q["period"]["from"])
        self.last = date.fromisoformat(q["period"]["to"])
        self.check_period()
        days = [self.first + timedelta(i) for i in range((self.last - self.first).days)]
        bounds = [(day, midnight(self.zone, day), midnight(self.zone, day + timedelta(1))) for day in days]
        self.days = [bound for bound in bounds if bound[1] < bound[2]]
        self.begins = date.fromisoformat(q["start"]) if q["start"] else self.first
        self.trials = []
        for trial in q["trials"]:
            start = date.fromisoformat(trial["start"])
            self.trials.append((trial["price"], start, months_after(start, 3), trial["quantity"]))
        self.pools, self.moves, self.news, self.stated = {}, {}, {}, {}
        for change in q["changes"]:
            t = int(datetime.fromisoformat(change["at"].replace("Z", "+00:00")).timestamp())
            if "resource" in change:
                self.moves.setdefault(change["resource"], []).append((t, change["price"]))
            elif "delta" in change:
                pool = self.pools.setdefault(change["price"], {})
                pool[t] = pool.get(t, 0) + change["delta"]
            else:
                self.news.setdefault(change["price"], []).append((t, change))
        for moves in self.moves.values():
            moves.sort(key=lambda move: move[0])
        for news in self.news.values():
            news.sort(key=lambda new: new[0])

    def check_period(self):
        if self.q["anchor"] is None:
            assert self.first.day == 1 and self.last == months_after(self.first, 1)
            return
        anchor = date.fromisoformat(self.q["anchor"])
        k = next(k for k in range(200) if months_after(anchor, k) == self.first)
        assert months_after(anchor, k + 1) == self.last

    def is_billed(self, day):
        return max(self.begins, self.first) <= day < self.last

    # Prices

    def price_on(self, price, day):
        """Currency units of one unit, and the package."""
        if price not in self.stated:
            entry = self.q["prices"][price]
            per = entry.get("per", 1)
            steps = [(date.min, F(entry["amount"]) / per, per)]
            pers = [(None, per)]
            for t, new in self.news.get(price, []):
                # An amount alone is for as many units as the one before its instant.
                other = new.get("per") or [units for when, units in pers if when is None or when < t][-1]
                pers.append((t, other))
                steps.append((date_at(self.zone, t), F(new["amount"]) / other, other))
            self.stated[price] = steps
        return [step for step in self.stated[price] if step[0] <= day][-1][1:]

    def parts(self, price):
        """Runs of days with one price: (first day, first day after, price of one, package, indices of days)."""
        if price not in self.news:
            one, per = self.price_on(price, self.first)
            return [(self.first, one, per, range(len(self.days)))]
        runs = []
        by_package = self.q["prices"][price].get("overage") == "package"
        for i, (day, _, _) in enumerate(self.days):
            one, per = self.price_on(price, day)
            if runs and runs[-1][1] == one and (runs[-1][2] == per or not by_package):
                runs[-1][3].append(i)
            else:
                runs.append((day if i else self.first, one, per, [i]))
        return runs

    def key(self, price, first):
        return price if first == self.first else f"{price}@{first}"

    # What was there

    def peaks(self):
        prices = sorted({p for p in self.pools if p not in EVERY} | {p for m in self.moves.values() for _, p in m if p})
        levels = {}
        for price in prices:
            times = sorted(self.pools.get(price, {}))
            total, sums = 0, [0]
            for t in times:
                total += self.pools[price][t]
                sums.append(total)
            levels[price] = (times, sums)
        events = sorted({t for times, _ in levels.values() for t in times} | {t for m in self.moves.values() for t, _ in m})
        moved = {name: [t for t, _ in m] for name, m in self.moves.items()}

        def place(name, t):
            i = bisect.bisect_right(moved[name], t)
            return self.moves[name][i - 1][1] if i else None

        found = {price: [] for price in prices}
        for day, begins, ends in self.days:
            moments = [begins] + events[bisect.bisect_right(events, begins) : bisect.bisect_left(events, ends)]
            tier = {}
            for name in self.moves:
                # The dearest that it had on this day; of equally dear ones the last.
                had = [p for p in (place(name, t) for t in moments) if p]
                if had and len(set(had)) == 1:
                    tier[name] = had[0]
                elif had:
                    best = max(self.price_on(p, day)[0] for p in had)
                    tier[name] = [p for p in had if self.price_on(p, day)[0] == best][-1]
            for price in prices:
                times, sums = levels[price]
                here = [name for name, p in tier.items() if p == price]
                counts = []
                for t in moments:
                    pool = sums[bisect.bisect_right(times, t)]
                    counts.append(pool + sum(place(name, t) is not None for name in here))
                found[price].append(max(counts))
        return found

    def free(self, price, day):
        return sum(n for p, start, end, n in self.trials if p == price and start <= day < end)

    def monthly(self):
        lines = []
        for price, peaks in self.peaks().items():
            billable = [
                max(0, peak - self.free(price, day)) if self.is_billed(day) else 0
                for peak, (day, _, _) in zip(peaks, self.days)
            ]
            for first, one, _, indices in self.parts(price):
                counts = [billable[i] for i in indices]
                if sum(counts):
                    net = half_away(one * sum(counts) * self.unit / len(self.days))
                    lines.append((price, self.key(price, first), "recurring", F(max(counts)), sum(counts), net))
        return lines

    def at_once(self):
        """What is paid whole: when it begins, and for some every year after while it is there."""
        lines = []
        for price, every in EVERY.items():
            due = []
            pool = sorted(self.pools.get(price, {}).items())
            for t, delta in pool:
                day = date_at(self.zone, t)
                if delta > 0 and self.is_billed(day):
                    due += [day] * delta
            if every == "year":
                starts = {date_at(self.zone, t) for t, delta in pool if delta > 0}
                for day in {months_after(s, 12 * k) for s in starts for k in range(1, 9)}:
                    if not self.is_billed(day):
                        continue
                    units = []
                    for t, delta in pool:
                        if t <= midnight(self.zone, day):
                            units = units + [date_at(self.zone, t)] * delta if delta > 0 else units[-delta:]
                    due += [day for s in units if s < day and any(months_after(s, 12 * k) == day for k in range(1, 9))]
            runs = self.parts(price)
            for i, (first, one, _, _) in enumerate(runs):
                after = runs[i + 1][0] if i + 1 < len(runs) else self.last
                count = sum(first <= day < after for day in due)
                if count:
                    lines.append((price, self.key(price, first), "recurring", F(count), None, half_away(one * count * self.unit)))
        return lines

    # What was used

    def metered(self):
        lines = []
        for price, meter in METER.items():
            used = [u for u in self.q["usage"] if ALIAS.get(u["meter"], u["meter"]) == meter]
            if price == "sms":
                if used:
                    quantity = sum(F(u["quantity"]) for u in used)
                    cost = sum(F(u["cost"]) for u in used)
                    lines.append((price, price, "usage", quantity, None, half_away(cost * self.unit)))
                continue
            included = sum(F(u.get("included", "0")) for u in used)
            days = sum(self.is_billed(day) for day, _, _ in self.days)
            if days < len(self.days):
                included = F(ceil(included * days / len(self.days)))
            runs = self.parts(price)
            so_far, paid = F(0), F(0)
            for i, (first, one, per, _) in enumerate(runs):
                after = runs[i + 1][0] if i + 1 < len(runs) else self.last
                so_far += sum(
                    F(u["quantity"]) for u in used if "date" not in u or first <= date.fromisoformat(u["date"]) < after
                )
                beyond = max(F(0), so_far - included)
                if self.q["prices"][price].get("overage") == "package":
                    beyond = F(ceil(beyond / per) * per)
                if beyond > paid:
                    units, paid = beyond - paid, beyond
                    lines.append((price, self.key(price, first), "usage", units, None, half_away(one * units * self.unit)))
        return lines

    # What is taken off, what was billed, and what is owed

    def covers(self, on, price):
        return on == "all" or price in on

    def minor(self, text):
        return int(F(text) * self.unit)

    def discounts(self, charges):
        left = [line[5] for line in charges]
        found = {}
        for discount in self.q["discounts"]:
            on = [i for i, line in enumerate(charges) if self.covers(discount["on"], line[0])]
            base = sum(charges[i][5] for i in on)
            if "percent" in discount:
                wanted = half_away(F(discount["percent"]) * base / 100)
            else:
                wanted = min(self.minor(discount["amount"]), base)
            shares = dict(zip(on, share_by(wanted, [charges[i][5] for i in on])))
            missing = 0
            for i in on:
                missing += max(0, shares[i] - left[i])
                shares[i] = min(shares[i], left[i])
                left[i] -= shares[i]
            for i in on:
                more = min(missing, left[i])
                shares[i], left[i], missing = shares[i] + more, left[i] - more, missing - more
            if sum(shares.values()):
                found[discount["name"]] = {charges[i][1]: -share for i, share in shares.items()}
        return found

    def billed(self, charges):
        """By key, with how many lines."""
        sums, names = {}, {discount["name"] for discount in self.q["discounts"]}
        for entry in self.q["billed"]:
            sums[entry["price"]] = sums.get(entry["price"], 0) + self.minor(entry["net"])
        found = {}
        for price, net in sums.items():
            lines = [line for line in charges if line[0] == price]
            if price in names or not lines:
                found[price] = net
                continue
            for line in lines[:-1]:
                found[line[1]] = min(line[5], net)
                net -= found[line[1]]
            found[lines[-1][1]] = net
        return found

    def answer(self):
        charges = sorted(self.monthly() + self.at_once() + self.metered(), key=lambda line: (line[0], line[1]))
        off = self.discounts(charges)
        billed = self.billed(charges)
        names = [discount["name"] for discount in self.q["discounts"]]
        keys = {line[1] for line in charges}
        gone = sorted(key for key in billed if key not in keys and key not in off)
        charges += [(key, key, "credit", F(0), None, 0) for key in gone if key not in names]
        charges.sort(key=lambda line: (line[0], line[1]))
        lines, bases = [], []
        for price, key, kind, quantity, unit_days, net in charges:
            delta = net - billed.get(key, 0)
            bases.append([key, price, delta])
            if key in billed:
                kind = "adjustment" if delta > 0 else "credit"
            if delta:
                lines.append((price, key, kind, quantity, unit_days, delta))
        by_key = {base[0]: base for base in bases}
        for name in sorted(names):
            shares = dict(off.get(name, {}))
            delta = sum(shares.values()) - billed.get(name, 0)
            if name in billed:
                on = next(d["on"] for d in self.q["discounts"] if d["name"] == name)
                bearing = [line for line in charges if self.covers(on, line[0])]
                weights = [billed.get(line[1], 0) for line in bearing]
                if not any(weights):
                    weights = [line[5] for line in bearing]
                if bearing:
                    for line, part in zip(bearing, share_by(billed[name], weights)):
                        shares[line[1]] = shares.get(line[1], 0) - part
            for key, part in shares.items():
                by_key[key][2] += part
            bases.append([name, name, delta - sum(shares.values())])
            if delta:
                lines.append((name, name, "discount", F(1 if name in off else 0), None, delta))
        net = sum(line[5] for line in lines)
        rates = {}
        for tax in self.q["tax"]:
            rates.setdefault(F(tax["rate"]), []).append(tax["on"])
        taxes = []
        for rate, ons in rates.items():
            bearing = [base for base in bases if base[2] and any(self.covers(on, base[1]) for on in ons)]
            if bearing:
                base = sum(one[2] for one in bearing)
                tax = half_away(rate * base)
                parts = share_out(tax, [rate * one[2] for one in bearing])
                taxes.append((rate, base, tax, sorted(zip([one[0] for one in bearing], parts))))
        total = net + sum(tax[2] for tax in taxes)
        wallet = max(0, min(self.minor(self.q["wallet"]), total))
        return sorted(lines, key=lambda line: line[1]), taxes, net, total, total - wallet


def number(value):
    return F(value)


def compare(pair):
    quote, answer = Quote(pair["quote"]), pair["answer"]
    lines, taxes, net, total, due = quote.answer()
    said = sorted(
        (
            (line["price"], line["key"], line["kind"], number(line["quantity"]), line["unit_days"], quote.minor(line["net"]))
            for line in answer["lines"]
        ),
        key=lambda line: line[1],
    )
    said_taxes = [
        (F(t["rate"]), quote.minor(t["base"]), quote.minor(t["tax"]), sorted((s["key"], quote.minor(s["tax"])) for s in t["shares"]))
        for t in answer["taxes"]
    ]
    of_days = {line["period_days"] for line in answer["lines"] if line["unit_days"] is not None}
    ours = (lines, taxes, net, total, due, answer["period"]["days"], of_days <= {len(quote.days)})
    theirs = (
        said, said_taxes, quote.minor(answer["net"]), quote.minor(answer["total"]), quote.minor(answer["due"]), len(quote.days), True,
    )
    return len(lines), ours, theirs


def main():
    compared = differences = lines = 0
    kinds, first = {}, None
    for text in sys.stdin:
        pair = json.loads(text)
        try:
            count, ours, theirs = compare(pair)
        except Exception as error:
            count, ours, theirs = 0, repr(error), None
        compared += 1
        lines += count
        for line in pair["answer"]["lines"]:
            kinds[line["kind"]] = kinds.get(line["kind"], 0) + 1
        if ours != theirs:
            differences += 1
            if first is None:
                first = {"seed": pair["seed"], "oracle": repr(ours), "program": repr(theirs)}
    json.dump({"compared": compared, "differences": differences, "lines": lines, "kinds": kinds, "first": first}, sys.stdout)


main()
