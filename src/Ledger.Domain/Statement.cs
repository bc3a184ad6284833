using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>
/// Metered energy of one point, direction and settlement period. <paramref name="Metered"/> is null where nothing is
/// proven; <paramref name="Source"/> says by which rule and facts it is known ("interval record 733 v1"), and
/// <paramref name="Quality"/> how well. MeteredDay.cs has the rules.
/// </summary>
public sealed record MeteredQuantity(
    SettlementPointId Point, Direction Direction, Interval Period, Energy? Metered, string Source,
    ReadingQuality Quality);

/// <summary>
/// One line. Amounts are positive where the account pays (import) and negative where it is credited (export); they
/// are null, with the problem named, where energy or price is missing.
/// </summary>
public sealed record StatementLine(
    int Number, SettlementPointId Point, Interval Period, TariffPeriod? TariffPeriod, Direction Direction,
    Energy? Metered, decimal? BilledKwh, decimal? PricePerKwh, decimal? AmountExact, decimal? Amount,
    string Source, ReadingQuality Quality, string? Problem)
{
    /// <summary>The line as the text that its leaf hashes: fixed order, invariant culture, no rounding.</summary>
    public string Canonical() => Canonical(Time);

    /// <param name="time">Writes an instant as <see cref="Time"/> does.</param>
    internal string Canonical(Func<Instant, string> time) => string.Join('|',
        Number.ToString(CultureInfo.InvariantCulture), Point.Value, Direction.ToString(),
        time(Period.Start), time(Period.End), TariffPeriod?.ToString() ?? "-",
        Metered?.HalfNanojoules.ToString(CultureInfo.InvariantCulture) ?? "-",
        Text(BilledKwh), Text(PricePerKwh), Text(AmountExact), Text(Amount), Source, Quality.ToString(), Problem ?? "-");

    internal static string Time(Instant at) => InstantPattern.ExtendedIso.Format(at);

    // Without trailing zeros, so that 1.50 and 1.5 are the same text; nothing has no sign.
    private static string Text(decimal? value)
    {
        if (value is not { } number) return "-";
        if (number == 0m) return "0";
        var text = number.ToString(CultureInfo.InvariantCulture);
        return text.Contains('.', StringComparison.Ordinal) ? text.TrimEnd('0').TrimEnd('.') : text;
    }
}

/// <summary>
/// The one rounding of money: each line half away from zero to the tariff's decimals, the residual carried to the
/// next line, so that the rounded lines sum to the rounded total.
/// </summary>
public static class StatementRounding
{
    public const string Name = "half-away-with-carry";

    public static (IReadOnlyList<decimal> Rounded, decimal Residual) Apply(
        IReadOnlyList<decimal> amounts, int decimals) => Rounding.HalfAwayWithCarry(amounts, decimals);
}

/// <summary>A line that differs between two statements, and why.</summary>
public sealed record LineChange(
    SettlementPointId Point, Direction Direction, Interval Period, decimal? Before, decimal? After, string Cause);

/// <summary>
/// A settlement day of one account: lines by point, direction and period; import charged and export credited, never
/// netted before pricing. <paramref name="Incomplete"/>: a line has no amount, so the total is no final one.
/// </summary>
public sealed record Statement(
    PartyId Account, LocalDate Day, TariffId Tariff, int TariffVersion, string Currency,
    IReadOnlyList<StatementLine> Lines, decimal ImportTotal, decimal ExportTotal, decimal Total, decimal Residual,
    IReadOnlyList<Posting> Postings, EvidenceDigest LinesRoot, bool Incomplete)
{
    /// <summary>What is charged beside energy, numbered after the lines and hashed with them; empty where the tariff
    /// is a price per period and no more.</summary>
    public IReadOnlyList<StatementCharge> Charges { get; init; } = [];

    /// <summary>What programmes pay for flexibility, numbered after the charges and hashed with them; already rounded,
    /// so that it leaves no rest to anything.</summary>
    public IReadOnlyList<FlexibilityLine> Flexibility { get; init; } = [];

    /// <summary>How many texts the root is over: lines, charges and lines of flexibility.</summary>
    public int Texts => Lines.Count + Charges.Count + Flexibility.Count;

    /// <param name="months">Of every point, where the tariff has terms: from them follow the charges.</param>
    /// <param name="flexibility">What programmes owe the account for the day.</param>
    public static Statement Build(
        PartyId account, LocalDate day, TariffPublished tariff, IEnumerable<MeteredQuantity> quantities,
        IEnumerable<PointMonth>? months = null, IEnumerable<FlexibilityLine>? flexibility = null)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var ordered = quantities.OrderBy(q => q.Point).ThenBy(q => q.Direction).ThenBy(q => q.Period.Start).ToList();
        var lines = new List<StatementLine>(ordered.Count);
        var carried = Energy.Zero;
        // The points of an account share the periods of the day, and so their prices.
        var prices = new Dictionary<(Interval, Direction), (TariffPeriod?, decimal?, bool)>();
        for (var i = 0; i < ordered.Count; i++)
        {
            var quantity = ordered[i];
            var previous = i == 0 ? null : ordered[i - 1];
            var sameSeries = previous?.Point == quantity.Point && previous.Direction == quantity.Direction;
            if (sameSeries && previous!.Period.End > quantity.Period.Start)
                throw new ArgumentException($"periods overlap at {quantity.Point}: {quantity.Period}");
            // The residual stays inside one point and direction: one meter's energy never pays for another's.
            if (!sameSeries) carried = Energy.Zero;
            if (!prices.TryGetValue((quantity.Period, quantity.Direction), out var price))
                prices[(quantity.Period, quantity.Direction)] = price =
                    EnergyPrices.At(tariff, zone, quantity.Period, quantity.Direction);
            lines.Add(Line(i + 1, tariff, price, quantity, ref carried));
        }

        if (tariff.Terms is not null && months is null)
            throw new ArgumentNullException(nameof(months), "a tariff with terms is billed by the month");
        return Close(account, day, tariff, lines,
            [.. (months ?? []).OrderBy(month => month.Point)
                .SelectMany(month => StatementCharges.Of(tariff, month))], flexibility ?? []);
    }

    private static StatementLine Line(
        int number, TariffPublished tariff, (TariffPeriod? Period, decimal? Price, bool Edge) priced,
        MeteredQuantity quantity, ref Energy carried)
    {
        var (period, price, edge) = priced;
        var problem = quantity.Metered is null ? "energy missing"
            : edge ? "tariff edge inside the period"
            : price is null ? "price missing" : null;
        decimal? billed = quantity.Metered is { } energy ? Quantise(energy, tariff.EnergyDecimals, ref carried) : null;
        var sign = quantity.Direction == Direction.Import ? 1 : -1;
        var amount = problem is null ? sign * billed * price : null;
        return new(number, quantity.Point, quantity.Period, period, quantity.Direction, quantity.Metered, billed,
            price, amount, null, quantity.Source, quantity.Quality, problem);
    }

    /// <summary>
    /// Energy to the market's quantum, half up: what is carried is then at least −½ quantum, and no energy becomes
    /// negative by it.
    /// </summary>
    internal static decimal Quantise(Energy energy, int decimals, ref Energy carried)
    {
        var quantum = (Int128)Energy.HalfNanojoulesPerWattHour * 1000 / Energy.PowerOfTen(decimals);
        var due = energy + carried;
        var steps = (due.HalfNanojoules * 2 + quantum) / (quantum * 2);
        carried = new Energy(due.HalfNanojoules - steps * quantum);
        return (decimal)steps / (decimal)Energy.PowerOfTen(decimals);
    }

    private static Statement Close(
        PartyId account, LocalDate day, TariffPublished tariff, List<StatementLine> lines,
        List<StatementCharge> charges, IEnumerable<FlexibilityLine> owed)
    {
        for (var i = 0; i < charges.Count; i++) charges[i] = charges[i] with { Number = lines.Count + i + 1 };
        List<FlexibilityLine> flexibility = [.. owed.Select((line, i) =>
            FlexibilityLines.On(line, lines.Count + charges.Count + i + 1, tariff.Currency))];
        var priced = lines.Where(line => line.AmountExact is not null).ToList();
        var charged = charges.Where(charge => charge.AmountExact is not null).ToList();
        var (rounded, residual) = StatementRounding.Apply(
            [.. priced.Select(line => line.AmountExact!.Value),
                .. charged.Select(charge => charge.AmountExact!.Value)], tariff.MoneyDecimals);
        for (var i = 0; i < priced.Count; i++)
            lines[priced[i].Number - 1] = priced[i] with { Amount = rounded[i] };
        for (var i = 0; i < charged.Count; i++)
            charges[charged[i].Number - lines.Count - 1] = charged[i] with { Amount = rounded[priced.Count + i] };
        var import = lines.Where(line => line.Direction == Direction.Import).Sum(line => line.Amount ?? 0m);
        var export = lines.Where(line => line.Direction == Direction.Export).Sum(line => line.Amount ?? 0m);
        Posting[] postings =
        [
            new($"receivable/{account}", import), new("revenue/energy-import", -import),
            new($"payable/{account}", export), new("cost/energy-export", -export),
            .. ChargePostings(account, [.. charges.Select(charge => (charge.Part, charge.Amount ?? 0m))]),
            .. FlexibilityLines.Postings(flexibility),
        ];
        return new(account, day, tariff.Tariff, tariff.Version, tariff.Currency, lines, import, export,
            import + export + charges.Sum(charge => charge.Amount ?? 0m) + flexibility.Sum(line => line.Amount ?? 0m),
            residual, postings,
            RootOf(TextsOf(lines).Concat(charges.Select(charge => charge.Canonical()))
                .Concat(flexibility.Select(line => line.Canonical()))),
            (lines.Count == 0 && flexibility.Count == 0) || lines.Any(l => l.Problem is not null)
                || charges.Any(c => c.Problem is not null) || flexibility.Any(f => f.Problem is not null))
        {
            Charges = charges,
            Flexibility = flexibility,
        };
    }

    /// <summary>The texts of the lines, one at a time; points share the times of a day, so each is written
    /// once.</summary>
    private static IEnumerable<string> TextsOf(IEnumerable<StatementLine> lines)
    {
        var times = new Dictionary<Instant, string>();
        string At(Instant at) => times.TryGetValue(at, out var known) ? known : times[at] = StatementLine.Time(at);
        return lines.Select(line => line.Canonical(At));
    }

    /// <summary>Tax is owed to somebody else and is no revenue.</summary>
    internal static IEnumerable<Posting> ChargePostings(
        PartyId account, IReadOnlyList<(BillPart Part, decimal Amount)> charges)
    {
        if (charges.Count == 0) return [];
        var tax = charges.Where(charge => charge.Part == BillPart.Tax).Sum(charge => charge.Amount);
        var others = charges.Where(charge => charge.Part != BillPart.Tax).Sum(charge => charge.Amount);
        return [new($"receivable/{account}/charges", others + tax), new("revenue/charges", -others),
            new("liability/tax", -tax)];
    }

    /// <summary>RFC 6962 §2.1 tree hash over texts in their order; of each only its hash is kept.</summary>
    internal static EvidenceDigest RootOf(IEnumerable<string> texts)
    {
        var (leaf, leaves) = (new byte[512], new ArrayBufferWriter<byte>(256 * SHA256.HashSizeInBytes));
        foreach (var text in texts)
        {
            var length = 1 + Encoding.UTF8.GetByteCount(text);
            if (leaf.Length < length) leaf = new byte[2 * length];
            // The first byte stays 0, which says that it is a leaf.
            Encoding.UTF8.GetBytes(text, leaf.AsSpan(1));
            SHA256.HashData(leaf.AsSpan(0, length), leaves.GetSpan(SHA256.HashSizeInBytes));
            leaves.Advance(SHA256.HashSizeInBytes);
        }
        Span<byte> root = stackalloc byte[SHA256.HashSizeInBytes];
        Tree(leaves.WrittenSpan, root);
        return new(Convert.ToHexStringLower(root));
    }

    private static void Tree(ReadOnlySpan<byte> leaves, Span<byte> root)
    {
        const int Size = SHA256.HashSizeInBytes;
        if (leaves.Length == Size) leaves.CopyTo(root);
        else if (leaves.IsEmpty) SHA256.HashData(ReadOnlySpan<byte>.Empty, root);
        else
        {
            var split = Size;
            while (split * 2 < leaves.Length) split *= 2;
            Span<byte> node = stackalloc byte[1 + 2 * Size];
            node[0] = 1;
            Tree(leaves[..split], node.Slice(1, Size));
            Tree(leaves[split..], node[(1 + Size)..]);
            SHA256.HashData(node, root);
        }
    }

    /// <summary>Every line whose amount, energy or price differs, each with its cause;
    /// equal lines are left out.</summary>
    public static IReadOnlyList<LineChange> Difference(Statement before, Statement after)
    {
        var old = before.Lines.ToDictionary(Key);
        var current = after.Lines.ToDictionary(Key);
        var changes = new List<LineChange>();
        foreach (var key in old.Keys.Union(current.Keys).OrderBy(k => k.Point).ThenBy(k => k.Direction)
            .ThenBy(k => k.Start))
        {
            var was = old.GetValueOrDefault(key);
            var now = current.GetValueOrDefault(key);
            if (Cause(was, now) is { } cause)
                changes.Add(new(key.Point, key.Direction, (now ?? was)!.Period, was?.Amount, now?.Amount, cause));
        }

        return changes;
    }

    private static (SettlementPointId Point, Direction Direction, Instant Start) Key(StatementLine line) =>
        (line.Point, line.Direction, line.Period.Start);

    private static string? Cause(StatementLine? was, StatementLine? now)
    {
        if (was is null) return $"line added from {now!.Source}";
        if (now is null) return $"line removed, it came from {was.Source}";
        if (was.Metered != now.Metered)
        {
            var unit = now.Metered is null ? "" : " kWh";
            return $"energy {Kwh(was)} → {Kwh(now)}{unit} because {was.Source} → {now.Source}";
        }

        if (was.TariffPeriod != now.TariffPeriod || was.PricePerKwh != now.PricePerKwh)
            return string.Create(CultureInfo.InvariantCulture,
                $"price {was.TariffPeriod} {was.PricePerKwh} → {now.TariffPeriod} {now.PricePerKwh} by the tariff");
        if (was.Problem != now.Problem) return $"{was.Problem ?? "no problem"} → {now.Problem ?? "no problem"}";
        return was.BilledKwh != now.BilledKwh || was.Amount != now.Amount
            ? "rounding residual carried from a changed line" : null;
    }

    private static string Kwh(StatementLine line) => line.Metered?.ToKwh(6) ?? "missing";
}
