using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Cli;

/// <summary>What was looked at, how much of it, and how many faults were found in it.</summary>
public sealed record VerificationStep(string What, long Count, string? Of, long Faults);

/// <summary>How a verification of readings is counted: of both kinds the faults stand beside the first. Charge records
/// have a step where there are some.</summary>
internal static class ReadingSteps
{
    public static IReadOnlyList<VerificationStep> Steps(this ReadingVerification readings, long faults) =>
    [
        new("readings", readings.Registers.Readings,
            $"{readings.Registers.Signatures.ToString(CultureInfo.InvariantCulture)} signed",
            faults - readings.Charges.Faults),
        new("interval readings", readings.Intervals, null, 0),
        .. readings.Charges is { Compared: 0, Faults: 0 } ? Array.Empty<VerificationStep>()
            : [new("charge records", readings.Charges.Compared, null, readings.Charges.Faults)],
    ];
}

/// <summary>What a verification came to.</summary>
/// <param name="What">A folder, a bundle or a URL; <paramref name="Path"/> says which.</param>
/// <param name="Ledger">Null where it does not say it.</param>
/// <param name="Covers">What the last line says of the checkpoint.</param>
/// <param name="Closing">What it says of all of it, where it is verified: the digest, the key.</param>
public sealed record VerificationReport(
    string What, string Path, LedgerId? Ledger, byte[]? Root, IReadOnlyList<VerificationStep> Steps, Findings Findings,
    string Covers, string Closing)
{
    /// <summary>Who signed the newest checkpoint, of the keys that are trusted; null without such keys.</summary>
    public CheckpointSigners? Signers { get; init; }

    /// <summary>Of which run or lines a bundle is, by its own word, which is verified with it.</summary>
    public string? Of { get; init; }

    /// <summary>The event, where it is one with its proof.</summary>
    public RecordedEvent? Event { get; init; }

    public bool IsVerified => Findings.FaultCount == 0;

    /// <summary>Says it to a person or a program, and gives the exit code.</summary>
    public int Write(CommandLine line, Shell shell)
    {
        var page = new Page().Field("verify", null, IsVerified ? "verified" : "not verified")
            .Field("ledger", "ledger", Ledger?.Value ?? "unknown").Field(What, What, Path);
        if (Of is not null) page.Field("of", "of", Of);
        page.Field("digest", "digest", Root is null ? null : Convert.ToHexStringLower(Root))
            .Field("faultCount", null, Findings.FaultCount);
        if (Event is not null)
            page.Field("recordedAt", "recorded at", Event.Envelope.RecordedAt)
                .Field("event", "event", new CanonicalJson(EventCodec.ToJson(Event)));
        page
            .Table("steps", "looked at", Listing.Of(Steps,
                new("what", "what", step => step.What), new("count", "count", step => step.Count),
                new("of", "of", step => step.Of), new("faults", "faults", step => step.Faults)));
        if (Signers is not null || line.Json)
            page.Table("vouched", "signed the newest checkpoint", Listing.Of(Vouched(),
                new("as", "as", row => row.As), new("key", "key", row => row.Key), new("at", "at", row => row.At)));
        if (!IsVerified || line.Json)
            page.Table("faults", "not as it should be", Listing.Of(Findings.Faults,
                new("place", "where", fault => fault.Place), new("found", "found", fault => fault.Found),
                new("expected", "expected", fault => fault.Expected)));
        page.Table("erased", null, Listing.Of(Findings.Erased,
            new("evidence", null, erased => erased.Evidence.Hex), new("position", null, erased => erased.Position)));
        page.Table("pruned", null, Listing.Of(Findings.Pruned,
            new("month", null, month => month.Month), new("position", null, month => month.Position),
            new("retention", null, month => month.Retention.Value), new("sums", null, month => month.Sums.Hex),
            new("pieces", null, month => month.Pieces), new("missing", null, month => month.Missing)));
        page.Table("dropped", null, Listing.Of(Findings.Dropped,
            new("segments", null, dropping => dropping.Segments), new("position", null, dropping => dropping.Position),
            new("recordedAt", null, dropping => dropping.RecordedAt),
            new("frames", null, dropping => dropping.Fact.Segments.Sum(segment => segment.Frames)),
            new("rule", null, dropping => dropping.Fact.RuleInWords())));
        page.Table("notChecked", null, Listing.Of(Findings.NotChecked, new Column<string>("what", null, what => what)));
        // What the last line says as NAME=VALUE, a program finds as members.
        foreach (var said in $"{Covers} {Closing}".Split(' ', StringSplitOptions.RemoveEmptyEntries))
            if (said.Split('=', 2) is [var name, var value] && name != "digest") page.Field(name, null, value);
        page.Write(shell.Output, line.Json);
        if (!line.Json) WriteVerdict(shell.Output);
        return IsVerified ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private List<(string As, string Key, Instant? At)> Vouched() => Signers is null ? [] :
    [
        ("log", $"{Signers.Log.Name}+{Signers.Log.Id:x8}", null),
        .. Signers.Witnesses.Select(vouching => ("witness", $"{vouching.Witness.Name}+{vouching.Witness.Id:x8}",
            (Instant?)Instant.FromUnixTimeSeconds(vouching.UnixSeconds))),
    ];

    private void WriteVerdict(TextWriter writer)
    {
        writer.WriteLine();
        foreach (var (evidence, position) in Findings.Erased)
            writer.WriteLine($"ERASED: evidence {evidence}, by the fact at position {Count(position)}");
        if (Findings.ErasedCount > Findings.Erased.Count)
            writer.WriteLine($"ERASED: {Count(Findings.ErasedCount - Findings.Erased.Count)} pieces more");
        foreach (var month in Findings.Pruned)
            writer.WriteLine($"PRUNED: {Count(month.Pieces)} pieces of evidence with {month.Month}, by the fact at position "
                + $"{Count(month.Position)}; the {FileSums.Name} of the archive has the SHA-256 {month.Sums}");
        foreach (var dropping in Findings.Dropped)
            writer.WriteLine($"DROPPED: {dropping.Segments} of the frame log, "
                + $"{Count(dropping.Fact.Segments.Sum(segment => segment.Frames))} frames, {dropping}");
        foreach (var what in Findings.NotChecked) writer.WriteLine($"NOT CHECKED: {what}");
        var counts = string.Join(' ', Steps.Select(step => $"{step.What.Replace(' ', '-')}={Count(step.Count)}"));
        writer.WriteLine(IsVerified ? $"VERIFIED {counts} {Covers} {Closing}"
            : $"NOT VERIFIED faults={Count(Findings.FaultCount)} {counts} {Covers}".Replace("  ", " ",
                StringComparison.Ordinal).TrimEnd());
    }

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
