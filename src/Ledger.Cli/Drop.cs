using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal.Verification;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger drop frames</c>: drops the oldest sealed segments of the frame log, by a retention policy or by a person's
/// order, as far as nothing needs them. It works beside the process that owns the folder, which then does it.
/// </summary>
public static class Drop
{
    public static Verb Verb { get; } = new("drop", "frames",
        "drops the oldest frames of the frame log, which nothing has any more then; records, amounts and proofs stay",
        "ledger drop frames --retention RP-9 --after-days 400",
        [
            new("--retention", "ID", "the number of the policy by which it is; it stays in the journal"),
            new("--after-days", "N", "how many days after its receipt a frame goes by that policy"),
            new("--before", "INSTANT", "in place of a policy: a person orders whatever was received before it to go"),
            Release.By, Release.Reason,
            new("--dry-run", null, "says what would go and what would stay, and why; records and removes nothing"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is not ["frames"]) throw new UsageException("drop needs the word frames");
        var rule = RuleOf(line);
        if (line.Flag("--dry-run")) return await LookAsync(line, shell, rule, ct).ConfigureAwait(false);
        var answer = await FactDoor.SendAsync(line, shell, "frame-droppings", "frame-dropping", Text(rule), ct)
            .ConfigureAwait(false);
        if (answer.Refused is { } refused)
        {
            shell.Errors.WriteLine($"ledger drop: {refused}");
            return ExitCode.NotAsItShouldBe;
        }
        var page = new Page().Field("drop", "frames are", answer.Position is null ? "none that old" : "dropped")
            .Field("position", "the fact is at position", answer.Position);
        if (answer.Position is { } position)
        {
            await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
            var droppings = await FrameDroppings.ReadAsync(ledger.Journal, ct).ConfigureAwait(false);
            Describe(page, droppings.All.Single(dropping => dropping.Position == position));
        }
        page.Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static void Describe(Page page, FrameDropping dropping)
    {
        var segments = dropping.Fact.Segments;
        page.Field("segments", "of the frame log", dropping.Segments)
            .Field("from", "received from", segments[0].FirstReceived)
            .Field("to", "received to", segments[^1].LastReceived)
            .Field("frames", "frames", segments.Sum(segment => segment.Frames))
            .Field("bytes", "bytes given back", segments.Sum(segment => segment.SealedBytes))
            .Field("rule", "under", dropping.Fact.RuleInWords());
        if (segments.Count == FrameRetention.SegmentsMax)
            page.Note("One fact drops no more segments than this: do it again for the rest.");
        else page.Note("Nothing has these frames any more, but backups that were made before.");
    }

    private static DropRule RuleOf(CommandLine line)
    {
        if (line.Instant("--before") is not { } before)
        {
            if (line.Option("--by") is not null || line.Option("--reason") is not null)
                throw new UsageException("--by and --reason are of an order, which needs --before");
            return new DropRule.Policy(
                line.Required<RetentionId>("--retention", RetentionId.TryParse, "an identifier"),
                line.Required<int>("--after-days", TryDays, $"a number from 1 to {FrameRetention.DaysMax}"));
        }
        if (line.Option("--retention") is not null || line.Option("--after-days") is not null)
            throw new UsageException("--before is a person's order, which names no --retention and no --after-days");
        return new DropRule.Order(before, line.Required("--by"), line.Required("--reason"));
    }

    private static bool TryDays(string text, out int days) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out days)
        && days is >= 1 and <= FrameRetention.DaysMax;

    private static JsonObject Text(DropRule rule) => rule switch
    {
        DropRule.Policy policy => new() { ["retention"] = policy.Retention.Value, ["afterDays"] = policy.AfterDays },
        DropRule.Order order => new()
        {
            ["before"] = InstantPattern.ExtendedIso.Format(order.Before),
            ["by"] = order.By,
            ["reason"] = order.Reason,
        },
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>Looks beside whoever owns the folder; what is decided in the end, is decided by what is known then.
    /// </summary>
    private static async Task<int> LookAsync(CommandLine line, Shell shell, DropRule rule, CancellationToken ct)
    {
        var options = DataFolder.OptionsOf(line, shell);
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var droppings = await FrameDroppings.ReadAsync(ledger.Journal, ct).ConfigureAwait(false);
        var now = shell.Clock.GetCurrentInstant();
        shell.Progress("looking for what needs frames");
        var kept = await Dropping.LookAsync(ledger.Journal, ledger.Evidence, options.Secret, options.Directory,
            droppings.State, FrameRetention.BeforeOf(rule, now),
            bytes => shell.Progress(string.Create(CultureInfo.InvariantCulture, $"looked at a segment of {bytes} bytes")),
            ct).ConfigureAwait(false);
        shell.EndProgress();
        var decision = FrameRetention.Decide(droppings.State, rule, kept, now);
        var going = decision is Decision.Accepted { Facts: [{ Event: FramesDropped fact }] } ? fact.Segments.Count : 0;
        new Page().Field("drop", "frames would be", going > 0 ? "dropped" : "kept").Field("segments", "segments", going)
            .Field("bytes", "bytes", kept.Take(going).Sum(segment => segment.Sealed!.SealedBytes))
            .Table("looked", "segments of the frame log that are that old", Listing.Of(
                kept.Select((segment, i) => (Segment: segment, Goes: i < going)).ToList(),
                new("segment", "segment", row => row.Segment.Number),
                new("lastReceived", "last received", row => row.Segment.LastReceived == Instant.MinValue
                    ? null : row.Segment.LastReceived),
                new("frames", "frames", row => row.Segment.Sealed?.Frames),
                new("bytes", "bytes", row => row.Segment.Sealed?.SealedBytes),
                new("digest", null, row => row.Segment.Sealed?.Digest.Hex),
                new("verdict", "it", row => row.Goes ? "goes" : WhyNot(row.Segment, kept))))
            .Write(shell.Output, line.Json);
        return decision is Decision.Rejected ? ExitCode.NotAsItShouldBe : ExitCode.Done;
    }

    /// <param name="kept">All of them, from the oldest on.</param>
    public static string WhyNot(KeptSegment segment, IReadOnlyList<KeptSegment> kept)
    {
        if (FrameRetention.WhyKept(segment) is { } why) return $"{why.Code} ({(int)why.Code}): {why.Detail}";
        var older = kept.TakeWhile(before => before.Number < segment.Number);
        return older.All(before => FrameRetention.WhyKept(before) is null)
            ? $"goes the next time: one fact drops {FrameRetention.SegmentsMax.ToString(CultureInfo.InvariantCulture)}"
            : "stays, as one before it does";
    }
}
