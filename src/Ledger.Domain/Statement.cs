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
    internal string Canonical(Func<Instant, string> time) => string.Create(
        CultureInfo.InvariantCulture, stackalloc char[TextLengthUsual],
        $"{Number}|{Point.Value}|{Direction}|{time(Period.Start)}|{time(Period.End)}|{TariffPeriod?.ToString() ?? "-"}|"
        + $"{new ExactText(Metered?.HalfNanojoules)}|{new ExactText(BilledKwh)}|{new ExactText(PricePerKwh)}|"
        + $"{new ExactText(AmountExact)}|{new ExactText(Amount)}|{Source}|{Quality}|{Problem ?? "-"}");

    /// <summary>Characters of most lines; a longer one costs a second piece of memory.</summary>
    private const int TextLengthUsual = 320;

    internal static string Time(Instant at) => InstantPattern.ExtendedIso.Format(at);
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

    /// <summary>Whom the account deals with, where a fact names them.</summary>
    public StatementParties Parties { get; init; } = StatementParties.Unnamed;

    /// <summary>Whether something was left out that would have counted twice, by the rules before
    /// <see cref="Settlement.OnceRuleVersion"/>.</summary>
    public bool CountsOnce { get; init; }

    /// <summary>Whether a claim of the other direction than its order's holds something that a call delivered; see
    /// <see cref="Settlement.BothDirectionsRuleVersion"/>.</summary>
    public bool CountsBothDirections { get; init; }

    /// <summary>Whether it matters to a line when an instruction was recorded; see
    /// <see cref="Settlement.AsRecordedRuleVersion"/>.</summary>
    public bool CountsAsRecorded { get; init; }

    /// <summary>Whether it pays otherwise than before <see cref="Settlement.EachPointRuleVersion"/>.</summary>
    public bool CountsEachPoint { get; init; }

    /// <summary>Whether it charges otherwise than before <see cref="Settlement.SettledDaysRuleVersion"/>.</summary>
    public bool CountsSettledDays { get; init; }

    /// <summary>Whether it pays otherwise than before <see cref="Settlement.InTimeRuleVersion"/>.</summary>
    public bool CountsInTime { get; init; }

    /// <summary>Whether it pays otherwise than before <see cref="Settlement.AgreedRuleVersion"/>.</summary>
    public bool CountsAsAgreed { get; init; }

    /// <summary>Whether it pays otherwise than before <see cref="Settlement.ReadyOnceRuleVersion"/>.</summary>
    public bool CountsReadyOnce { get; init; }

    /// <summary>To how many decimals its amounts are rounded; each of them carries as many.</summary>
    public int MoneyDecimals { get; init; }

    /// <summary>In how many decimals of a kWh its lines bill energy.</summary>
    public int EnergyDecimals { get; init; }

    /// <summary>The least energy that its lines bill.</summary>
    public Energy EnergyStep => new(Quanta[EnergyDecimals]);

    /// <summary>How many texts the root is over: lines, charges and lines of flexibility.</summary>
    public int Texts => Lines.Count + Charges.Count + Flexibility.Count;

    /// <summary>Whether a settlement period is cut by a price edge: the periods of a point are else of one
    /// length.</summary>
    public bool HasCutPeriods => Lines.Zip(Lines.Skip(1)).Any(pair => pair.First.Point == pair.Second.Point
        && pair.First.Period.Duration != pair.Second.Period.Duration);

    /// <param name="months">Of every point, where the tariff has terms: from them follow the charges.</param>
    /// <param name="flexibility">What programmes owe the account for the day.</param>
    /// <param name="standing">Where the tariff has fees that the account bears.</param>
    /// <param name="parties">Whom the account deals with; nobody is named without it.</param>
    public static Statement Build(
        PartyId account, LocalDate day, TariffPublished tariff, IEnumerable<MeteredQuantity> quantities,
        IEnumerable<PointMonth>? months = null, IEnumerable<FlexibilityLine>? flexibility = null,
        AccountMonth? standing = null, StatementParties? parties = null)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var ordered = InOrder(quantities);
        var priced = new PricedQuantity[ordered.Count];
        var carried = Energy.Zero;
        // The points of an account share the periods of the day, and so their prices.
        var prices = new Dictionary<(Interval, Direction), (TariffPeriod?, decimal?, bool)>();
        for (var i = 0; i < priced.Length; i++)
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
            priced[i] = Priced(tariff, price, quantity, ref carried);
        }

        if (tariff.Terms is not null && months is null)
            throw new ArgumentNullException(nameof(months), "a tariff with terms is billed by the month");
        if (tariff.Terms is { ChargeTheAccount: true } && standing is null)
            throw new ArgumentNullException(nameof(standing), "fees of the account are counted by its days");
        return Close(account, day, tariff, ordered, priced,
        [
            .. (months ?? []).OrderBy(month => month.Point).SelectMany(month => StatementCharges.Of(tariff, month)),
            .. standing is null ? [] : StatementCharges.OfAccount(tariff, standing),
        ], flexibility ?? [], parties ?? StatementParties.Unnamed);
    }

    /// <summary>By point, direction and time; they mostly come so, and are not sorted then.</summary>
    private static List<MeteredQuantity> InOrder(IEnumerable<MeteredQuantity> quantities)
    {
        List<MeteredQuantity> all = [.. quantities];
        for (var i = 1; i < all.Count; i++)
            if (Order(all[i - 1], all[i]) > 0)
                return [.. all.OrderBy(q => q.Point).ThenBy(q => q.Direction).ThenBy(q => q.Period.Start)];
        return all;
    }

    private static int Order(MeteredQuantity a, MeteredQuantity b) =>
        a.Point.CompareTo(b.Point) is var point && point != 0 ? point
        : a.Direction != b.Direction ? (a.Direction < b.Direction ? -1 : 1)
        : a.Period.Start.CompareTo(b.Period.Start);

    /// <summary>What a quantity comes to before money is rounded.</summary>
    private readonly record struct PricedQuantity(
        TariffPeriod? Period, decimal? Price, decimal? BilledKwh, decimal? AmountExact, string? Problem);

    private static PricedQuantity Priced(
        TariffPublished tariff, (TariffPeriod? Period, decimal? Price, bool Edge) at, MeteredQuantity quantity,
        ref Energy carried)
    {
        var (period, price, edge) = at;
        var problem = quantity.Metered is null ? "energy missing"
            : edge ? "tariff edge inside the period"
            : price is null ? "price missing" : null;
        decimal? billed = quantity.Metered is { } energy ? Quantise(energy, tariff.EnergyDecimals, ref carried) : null;
        var sign = quantity.Direction == Direction.Import ? 1 : -1;
        return new(period, price, billed, problem is null ? sign * billed * price : null, problem);
    }

    /// <summary>
    /// Energy to the market's quantum, half up: what is carried is then at least −½ quantum, and no energy becomes
    /// negative by it.
    /// </summary>
    internal static decimal Quantise(Energy energy, int decimals, ref Energy carried)
    {
        var (steps, quantum) = Steps(energy + carried, decimals);
        carried = new Energy((energy + carried).HalfNanojoules - steps * quantum);
        return (decimal)steps / UnitsPerKwh[decimals];
    }

    private static (Int128 Steps, Int128 Quantum) Steps(Energy due, int decimals)
    {
        var quantum = Quanta[decimals];
        // Nearly all fits into 64 bits, where a division costs a tenth.
        if (due.HalfNanojoules >= 0 && due.HalfNanojoules <= long.MaxValue / 4)
            return (((long)due.HalfNanojoules * 2 + quantum) / (quantum * 2), quantum);
        return ((due.HalfNanojoules * 2 + quantum) / ((Int128)quantum * 2), quantum);
    }

    /// <summary>Half nanojoules of one step, by the decimals of energy: a tariff has up to 9, and a bill that rounds no
    /// energy has 12.</summary>
    private static readonly long[] Quanta = [.. Enumerable.Range(0, 13).Select(decimals =>
        (long)((Int128)Energy.HalfNanojoulesPerWattHour * 1000 / Energy.PowerOfTen(decimals)))];

    private static readonly decimal[] UnitsPerKwh =
        [.. Enumerable.Range(0, 13).Select(decimals => (decimal)Energy.PowerOfTen(decimals))];

    private static Statement Close(
        PartyId account, LocalDate day, TariffPublished tariff, List<MeteredQuantity> quantities,
        PricedQuantity[] priced, List<StatementCharge> charges, IEnumerable<FlexibilityLine> owed,
        StatementParties parties)
    {
        for (var i = 0; i < charges.Count; i++) charges[i] = charges[i] with { Number = quantities.Count + i + 1 };
        List<FlexibilityLine> flexibility = [.. owed.Select((line, i) =>
            FlexibilityLines.On(line, quantities.Count + charges.Count + i + 1, tariff.Currency) is var on
                && on.Amount is { } paid ? on with { Amount = Money.With(tariff.MoneyDecimals, paid) } : on)];
        var (amounts, residual) = StatementRounding.Apply(
            [.. priced.Select(line => line.AmountExact).Concat(charges.Select(charge => charge.AmountExact))
                .OfType<decimal>()], tariff.MoneyDecimals);
        decimal[] rounded = [.. amounts.Select(amount => Money.With(tariff.MoneyDecimals, amount))];
        var nothing = Money.With(tariff.MoneyDecimals, 0m);
        var (lines, next) = (new List<StatementLine>(quantities.Count), 0);
        for (var i = 0; i < priced.Length; i++)
        {
            var (quantity, (period, price, billed, exact, problem)) = (quantities[i], priced[i]);
            lines.Add(new(i + 1, quantity.Point, quantity.Period, period, quantity.Direction, quantity.Metered, billed,
                price, exact, exact is null ? null : rounded[next++], quantity.Source, quantity.Quality, problem));
        }
        for (var i = 0; i < charges.Count; i++)
            if (charges[i].AmountExact is not null) charges[i] = charges[i] with { Amount = rounded[next++] };
        var import = nothing + lines.Where(line => line.Direction == Direction.Import).Sum(line => line.Amount ?? 0m);
        var export = nothing + lines.Where(line => line.Direction == Direction.Export).Sum(line => line.Amount ?? 0m);
        Posting[] postings =
        [
            .. RunPostings.OfEnergy(account, parties.Seller, import, export),
            .. RunPostings.OfCharges(account, parties.Seller,
                [.. charges.Select(charge => (charge.Part, charge.Amount ?? 0m))]),
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
            Parties = parties,
            MoneyDecimals = tariff.MoneyDecimals,
            EnergyDecimals = tariff.EnergyDecimals,
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
