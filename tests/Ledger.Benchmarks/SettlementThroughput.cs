using System.Diagnostics;
using System.Globalization;
using DuckDB.NET.Data;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// A month of interval records through the settlement as it stands: each record is written in its stored bytes, read
/// back, metered and folded into the statement of its account and day, with prices, roundings, postings and the lines'
/// root. One statement per worker is in memory, so the memory does not grow with the month. Beside it DuckDB sums the
/// same records, at rest in memory, by point, day and tariff period, and both have to come to the same energies.
/// <code>dotnet run --project tests/Ledger.Benchmarks -c Release -- settle [--connectors N] [--days D]</code>
/// </summary>
internal static class SettlementThroughput
{
    private const int Workers = 2;
    private const int PointsOfAnAccount = 100;
    private const int Quarters = 96;
    private static readonly DateTimeZone Zone = DateTimeZoneProviders.Tzdb["Asia/Shanghai"];
    private static readonly LocalDate First = new(2026, 6, 1);
    private static readonly EvidenceDigest Digest = new(new string('a', 64));

    /// <summary>What the workers came to.</summary>
    private sealed class Sums
    {
        public long Records, Lines, Statements, WriteTicks, FoldTicks;
        public decimal Total;
        public readonly Dictionary<TariffPeriod, Int128> WattHours = [];
    }

    public static int Run(ReadOnlySpan<string> args)
    {
        var (connectors, days) = (Option(args, "--connectors", 15_000), Option(args, "--days", 30));
        var accounts = (connectors + PointsOfAnAccount - 1) / PointsOfAnAccount;
        Say($"{connectors} connectors in {accounts} accounts, {days} days, {(long)connectors * days * Quarters:N0} interval "
            + $"records, {Workers} workers");
        var (watch, cpu) = (Stopwatch.StartNew(), Cpu());
        var sums = new Sums[Workers];
        var next = -1;
        var threads = Enumerable.Range(0, Workers).Select(worker => new Thread(() =>
        {
            sums[worker] = new();
            for (int job; (job = Interlocked.Increment(ref next)) < accounts * days;)
                Settle(job / days, First.PlusDays(job % days), connectors, sums[worker]);
        })).ToList();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        var seconds = watch.Elapsed.TotalSeconds;
        cpu = Cpu() - cpu;
        var records = sums.Sum(sum => sum.Records);
        var (write, fold) = (sums.Sum(sum => sum.WriteTicks), sums.Sum(sum => sum.FoldTicks));
        Say($"settled {records:N0} records as {sums.Sum(sum => sum.Lines):N0} lines of "
            + $"{sums.Sum(sum => sum.Statements):N0} statements in {seconds:0.0} s and {cpu:0.0} s of CPU: "
            + $"{records / seconds:N0} records/s, {records / cpu:N0} a second of one core, "
            + $"{records / (fold / (double)Stopwatch.Frequency / Workers):N0} records/s without making and writing them "
            + $"({100.0 * write / (write + fold):0} % of the time); peak RSS {PeakMegabytes():N0} MB; total "
            + $"{sums.Sum(sum => sum.Total):N2} CNY");
        var (duck, wattHours) = Duck(connectors, days);
        foreach (var (period, sum) in wattHours)
            if (sums.Aggregate(Int128.Zero, (all, each) => all + each.WattHours.GetValueOrDefault(period)) != sum)
                throw new InvalidOperationException($"{period}: DuckDB has {sum} Wh, the statements another sum");
        Say($"the same energies by tariff period; ratio {records / seconds / (records / duck):0.000} of DuckDB's group-by, "
            + $"which makes no line, price, amount or proof; peak RSS with it {PeakMegabytes():N0} MB");
        return 0;
    }

    private static void Settle(int account, LocalDate day, int connectors, Sums sums)
    {
        SettlementCalendar.TryPeriods(Zone, day, 15, out var periods, out _);
        var first = account * PointsOfAnAccount;
        var payloads = new byte[Math.Min(PointsOfAnAccount, connectors - first)][][];
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < payloads.Length; i++)
            payloads[i] = [.. periods.Select((period, quarter) =>
                IntervalRecordBytes.Write(Record(first + i, day, quarter, period)))];
        var written = Stopwatch.GetTimestamp();
        var statement = Statement.Build(new($"A{account}"), day, Tariff, payloads.SelectMany((records, i) =>
            Facts(first + i, day, periods, records).Quantities()));
        sums.FoldTicks += Stopwatch.GetTimestamp() - written;
        sums.WriteTicks += written - start;
        sums.Records += payloads.Length * (long)Quarters;
        sums.Lines += statement.Lines.Count;
        sums.Statements++;
        sums.Total += statement.Total;
        if (statement.Incomplete) throw new InvalidOperationException($"{statement.Account} on {day} is incomplete");
        foreach (var line in statement.Lines)
            sums.WattHours[line.TariffPeriod!.Value] = sums.WattHours.GetValueOrDefault(line.TariffPeriod.Value)
                + line.Metered!.Value.HalfNanojoules / Energy.HalfNanojoulesPerWattHour;
    }

    private static PointFacts Facts(int connector, LocalDate day, IReadOnlyList<Interval> periods, byte[][] payloads)
    {
        var point = new SettlementPointId($"C{connector}");
        // As they would stand in the journal: one record behind the other.
        var position = ((long)Period.DaysBetween(First, day) * 100_000 + connector) * Quarters;
        return new(new(point, new("S"), SettlementPointKind.Connector, new("A"), Zone.Id, 15, Power.FromKilowatts(250),
            false), periods, new MeteredFacts([], [], [], [.. payloads.Select((payload, i) =>
                new Positioned<IntervalRecorded>(position + i, IntervalRecordBytes.Read(payload)))]));
    }

    /// <summary>Watt-hours that look like chance and that SQL calculates as well.</summary>
    private static long WattHours(int connector, LocalDate day, int quarter) =>
        (connector * 7_919L + (Period.DaysBetween(First, day) * Quarters + quarter) * 104_729L) % 30_011;

    private static IntervalRecorded Record(int connector, LocalDate day, int quarter, Interval period)
    {
        var energy = Energy.FromWattHours(WattHours(connector, day, quarter));
        return new(new($"C{connector}"), period, 1, IntervalRecordState.Final, energy, Energy.Zero, Power.Zero,
            Power.FromKilowatts(200), 900_000_000, 0, [], 900, 0, 0, 0, 0, ReadingQuality.Measured, null, Digest);
    }

    private static readonly TariffPublished Tariff = new(new("T"), 1, "CNY", Zone.Id,
        [Rule(10, 12, TariffPeriod.SharpPeak), Rule(8, 22, TariffPeriod.Peak), Rule(0, 6, TariffPeriod.Valley),
            Rule(0, null, TariffPeriod.Flat)],
        [new(TariffPeriod.SharpPeak, 1.4m, 1.2m), new(TariffPeriod.Peak, 1.1m, 1.0m),
            new(TariffPeriod.Flat, 0.7m, 0.5m), new(TariffPeriod.Valley, 0.35m, 0.3m)], [], 3, 2);

    private static TariffRule Rule(int from, int? to, TariffPeriod period) =>
        new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), new(from, 0),
            to is { } hour ? new(hour, 0) : null, period);

    private static (double Seconds, Dictionary<TariffPeriod, Int128> WattHours) Duck(int connectors, int days)
    {
        using var database = new DuckDBConnection("DataSource=:memory:");
        database.Open();
        Execute(database, $"SET threads = {Workers}");
        // The same formula, so the same records, without moving 43 million of them through an appender.
        Execute(database, $"""
            CREATE TABLE records AS SELECT c::INTEGER AS point, p AS quarter,
                ((c * 7919 + p * 104729) % 30011) * {Energy.HalfNanojoulesPerWattHour} AS import
            FROM range({connectors}) AS a(c), range({days * Quarters}) AS b(p)
            """);
        var watch = Stopwatch.StartNew();
        Execute(database, """
            CREATE TABLE sums AS SELECT point, quarter // 96 AS day,
                CASE WHEN quarter % 96 BETWEEN 40 AND 47 THEN 1 WHEN quarter % 96 BETWEEN 32 AND 87 THEN 2
                     WHEN quarter % 96 < 24 THEN 4 ELSE 3 END AS period, sum(import) AS energy
            FROM records GROUP BY ALL
            """);
        var seconds = watch.Elapsed.TotalSeconds;
        var records = (long)connectors * days * Quarters;
        Say($"DuckDB, {Workers} threads: group-by in {seconds:0.00} s, {records / seconds:N0} records/s");
        using var command = database.CreateCommand();
        command.CommandText = $"SELECT period, (sum(energy) // {Energy.HalfNanojoulesPerWattHour})::BIGINT FROM sums GROUP BY 1";
        using var reader = command.ExecuteReader();
        var sums = new Dictionary<TariffPeriod, Int128>();
        while (reader.Read()) sums[(TariffPeriod)reader.GetInt32(0)] = reader.GetInt64(1);
        return (seconds, sums);
    }

    private static void Execute(DuckDBConnection database, string sql)
    {
        using var command = database.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static int Option(ReadOnlySpan<string> args, string name, int otherwise)
    {
        var at = args.IndexOf(name);
        return at < 0 ? otherwise : int.Parse(args[at + 1], CultureInfo.InvariantCulture);
    }

    /// <summary>Seconds of all cores that the process has had: where cores are shared, time alone says
    /// little.</summary>
    private static double Cpu() => Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds;

    /// <summary>As the kernel counted it; 0 where it does not say.</summary>
    private static long PeakMegabytes() => File.Exists("/proc/self/status")
        ? long.Parse(File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024 : 0;

    private static void Say(string text) => Console.WriteLine(FormattableString.Invariant($"{text}"));
}
