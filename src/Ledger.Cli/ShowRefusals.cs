using Ledger.Api.Resources;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary><c>ledger show refusals</c> and <c>show refusal POSITION</c>: what does not count, and why.</summary>
internal static class ShowRefusals
{
    public static Option Source { get; } = new("--source", "TEXT", "of refusals: how the source begins");

    /// <summary>The refusals that a person looks for: by rule, source and UTC day.</summary>
    public static Page PageOf(Page page, CommandLine line, Answers answers) => page.Table("refusals",
        "refused, quarantined and kept: none of it counts", RecordListings.Refusals(answers.Refusals(0, int.MaxValue,
            line.Option<Rejection>(Redrive.Code.Name, ChoiceNames.TryRule, "a rule's number or name, like 202"),
            line.Option(Source.Name), line.Day("--day"))));

    /// <summary>One refusal with its evidence, and what happened to it since.</summary>
    public static async Task<Page> OneAsync(Page page, LedgerReader ledger, Answers answers, string about,
        CancellationToken ct)
    {
        var position = CommandLine.Read<long>(about, LedgerReader.TryPosition, "POSITION is a whole number from 0");
        var row = answers.Refusal(position)
            ?? throw new CouldNotException($"nothing was refused, quarantined or kept at position {position}");
        var found = await RefusedParts.OfAsync(row, ledger.Journal, ledger.Evidence, null, ct).ConfigureAwait(false);
        return page.Field("position", "position", row.Position).Field("recordedAt", "recorded at", row.RecordedAt)
            .Field("standing", "standing", row.Standing).Field("code", "code", row.Code).Field("name", "rule", row.Name)
            .Field("source", "source", row.Source).Field("detail", "detail", row.Detail)
            .Field("evidence", "evidence", row.Evidence).Field("bytes", "bytes", row.Bytes)
            .Field("contentStanding", "its content is", found.ContentStanding)
            .Field("content", "content", found.Content).Field("releasedBy", "released by", found.ReleasedBy)
            .Field("releaseReason", "because", found.ReleaseReason)
            .Field("attempts", "taken again, times", found.Attempts)
            .Field("stillRefused", "still refused of it", found.StillRefused);
    }
}
