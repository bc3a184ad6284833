using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using Parquet;
using Parquet.Schema;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What names no point is of the point named beside the file, for whoever reads it again too.</summary>
public sealed class CurveEvidenceTests
{
    private static readonly Instant Day = Instant.FromUtc(2026, 2, 28, 16, 0);
    private static readonly SettlementPointId First = new("CP1"), Second = new("CP2");

    private static async Task<IntakeLedger> LedgerAsync()
    {
        var ledger = new IntakeLedger();
        ledger.Clock.Now = Day + Duration.FromHours(25);
        await ledger.TakeAsync(IntakeLedger.Connector);
        await ledger.TakeAsync(IntakeLedger.Connector.Replace("CP1", "CP2", StringComparison.Ordinal)
            .Replace("M1", "M2", StringComparison.Ordinal));
        return ledger;
    }

    private static long Milliseconds(int second) => (Day + Duration.FromSeconds(second)).ToUnixTimeMilliseconds();

    /// <summary>Half an hour, a value a minute.</summary>
    private static string Block(string point, int second, int kilowatts) =>
        $"{{{point}\"time\":{Milliseconds(second)},\"stepMs\":60000,"
        + $"\"values\":[{string.Join(',', Enumerable.Repeat(kilowatts, 31))}]}}\n";

    private static string MixedLines => Block("", 0, 1000) + Block("\"point\":\"CP2\",", 30, 1);

    private static async Task<IntervalRecorded> LatestAsync(IntakeLedger ledger, SettlementPointId point) =>
        (await ledger.FactsAsync()).OfType<IntervalRecorded>()
            .Where(record => record.Point == point && record.Period.Start == Day).MaxBy(record => record.Version)!;

    /// <summary>Derives every record again, those of the last point first where so asked.</summary>
    private static async Task<List<string>> FaultsAsync(IntakeLedger ledger, bool isLastFirst)
    {
        var findings = new Findings();
        var verification = new RecordVerification(ledger.Ledger.Evidence.Get, findings);
        var records = (await ledger.FactsAsync()).OfType<IntervalRecorded>().OrderBy(record => record.Point).ToList();
        if (isLastFirst) records.Reverse();
        foreach (var record in records) verification.Verify(0, record);
        verification.Finish();
        return [.. findings.Faults.Select(fault => $"{fault.Place}: {fault.Found} / {fault.Expected}")];
    }

    [Fact]
    public async Task Lines_that_name_no_point_stay_with_the_point_that_was_named_beside_them()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(MixedLines, new IntakeHints(First));
        (await LatestAsync(ledger, First)).Import.ShouldBe(Energy.FromWattHours(250_000));
        var before = await LatestAsync(ledger, Second);
        (before.Samples, before.Maximum).ShouldBe((15, new Power(1_000_000)));
        (await FaultsAsync(ledger, isLastFirst: false)).ShouldBeEmpty();
        (await FaultsAsync(ledger, isLastFirst: true)).ShouldBeEmpty();

        await ledger.TakeAsync($"{{\"point\":\"CP2\",\"time\":{Milliseconds(45)},\"kw\":1}}\n");
        var after = await LatestAsync(ledger, Second);
        (after.Version, after.Samples, after.Import, after.Maximum)
            .ShouldBe((before.Version + 1, 16, before.Import, before.Maximum));
        (await FaultsAsync(ledger, isLastFirst: false)).ShouldBeEmpty();
        (await FaultsAsync(ledger, isLastFirst: true)).ShouldBeEmpty();
        (await ledger.TakeAsync(MixedLines, new IntakeHints(First))).Outcomes
            .ShouldAllBe(outcome => outcome is RecordOutcome.AlreadyRecorded);
    }

    private static async Task<byte[]> ParquetAsync()
    {
        var ct = TestContext.Current.CancellationToken;
        using var file = new MemoryStream();
        var (time, power) = (new DataField<long>("time_ms", false), new DataField<long>("mw", false));
        await using (var writer = await ParquetWriter.CreateAsync(new ParquetSchema(time, power), file,
            cancellationToken: ct))
        {
            using var group = writer.CreateRowGroup();
            await group.WriteAsync<long>(time, new[] { Milliseconds(0), Milliseconds(900) }, cancellationToken: ct);
            await group.WriteAsync<long>(power, new[] { 1_000_000L, 1_000_000L }, cancellationToken: ct);
        }
        return file.ToArray();
    }

    [Theory]
    [InlineData("csv"), InlineData("lines"), InlineData("parquet")]
    public async Task A_file_without_points_is_no_evidence_of_another_point(string format)
    {
        await using var ledger = await LedgerAsync();
        var file = format switch
        {
            "csv" => Encoding.UTF8.GetBytes($"time,kw\n{Milliseconds(0)},1\n{Milliseconds(900)},1\n"),
            "lines" => Encoding.UTF8.GetBytes(
                $"{{\"time\":{Milliseconds(0)},\"kw\":1}}\n{{\"time\":{Milliseconds(900)},\"kw\":1}}\n"),
            _ => await ParquetAsync(),
        };
        await ledger.TakeAsync(file, new IntakeHints(First));
        var honest = await LatestAsync(ledger, First);
        honest.Import.ShouldBe(Energy.FromWattHours(250));
        var piece = EvidenceManifest.Pieces(honest.Evidence, ledger.Ledger.Evidence.Get(honest.Evidence)!)
            .ShouldHaveSingleItem();
        piece.Named.ShouldBe(First);
        ledger.Ledger.Evidence.Get(piece.Digest).ShouldBe(file);
        (await FaultsAsync(ledger, isLastFirst: false)).ShouldBeEmpty();

        var findings = new Findings();
        new RecordVerification(ledger.Ledger.Evidence.Get, findings).Verify(0, honest with { Point = Second });
        findings.Faults.ShouldHaveSingleItem().Found.ShouldEndWith("holds no sample of CP2");
        // The same bytes for another point are that one's, and add nothing to the first.
        await ledger.TakeAsync(file, new IntakeHints(Second));
        (await LatestAsync(ledger, Second)).Import.ShouldBe(honest.Import);
        (await LatestAsync(ledger, First)).Version.ShouldBe(1);
        (await FaultsAsync(ledger, isLastFirst: true)).ShouldBeEmpty();
    }

    /// <summary>Records of before name the file itself, and mean whoever they are of.</summary>
    [Fact]
    public async Task A_record_that_names_a_file_without_points_alone_verifies_as_before()
    {
        await using var ledger = await LedgerAsync();
        var file = Encoding.UTF8.GetBytes($"time,kw\n{Milliseconds(0)},1\n{Milliseconds(900)},1\n");
        await ledger.TakeAsync(file, new IntakeHints(First));
        var honest = await LatestAsync(ledger, First);
        var piece = EvidenceManifest.Listed(honest.Evidence, ledger.Ledger.Evidence.Get(honest.Evidence)!).Single();
        foreach (var point in (SettlementPointId[])[First, Second])
        {
            var findings = new Findings();
            new RecordVerification(ledger.Ledger.Evidence.Get, findings)
                .Verify(0, honest with { Point = point, Evidence = piece });
            findings.Faults.ShouldBeEmpty();
        }
    }

    [Fact]
    public void A_manifest_lists_the_points_only_where_they_were_named()
    {
        var (one, other) = (new EvidenceDigest(new string('1', 64)), new EvidenceDigest(new string('2', 64)));
        Encoding.ASCII.GetString(EvidenceManifest.Of([new NamedPiece(other), new NamedPiece(one)]))
            .ShouldBe($"ledger-evidence-manifest/1\n{one.Hex}\n{other.Hex}\n");
        var named = EvidenceManifest.Of([new NamedPiece(other), new(one, Second), new(one, First), new(one, First)]);
        Encoding.ASCII.GetString(named)
            .ShouldBe($"ledger-evidence-manifest/2\n{one.Hex} CP1\n{one.Hex} CP2\n{other.Hex}\n");
        EvidenceManifest.Pieces(one, named).ShouldBe([new(one, First), new(one, Second), new(other)]);
        EvidenceManifest.Listed(one, named).ShouldBe([one, other]);
        foreach (var line in (string[])["22 CP1", $"{one.Hex} C P", $"{one.Hex} ?", "?"])
            Should.Throw<InvalidDataException>(() => EvidenceManifest.Pieces(one,
                Encoding.ASCII.GetBytes($"ledger-evidence-manifest/2\n{line}\n")).ToList()).Message
                .ShouldContain($"lists '{line}'");
    }
}
