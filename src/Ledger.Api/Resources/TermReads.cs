using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>A version of what is settled by, whole.</summary>
/// <param name="Terms">As it was published.</param>
public sealed record TermsVersion<T>(Instant ValidFrom, long Position, ToldFact<T> Terms) where T : LedgerEvent;

/// <summary>All versions of a tariff, with their rules and prices.</summary>
public sealed record TariffTermsAnswer(
    string Tariff, long? AsOf, IReadOnlyList<TermsVersion<TariffPublished>> Versions);

/// <summary>All versions of a rule pack, with their rules.</summary>
public sealed record RulePackTermsAnswer(
    string Pack, long? AsOf, IReadOnlyList<TermsVersion<RulePackPublished>> Versions);

/// <summary>What tariffs and rule packs say, which their lists only count: whoever is settled by them can read
/// it.</summary>
internal static class TermReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/tariff-terms", async (HttpContext context) =>
        {
            var tariff = Asking.Required<TariffId>(context.Request, "tariff", TariffId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            // Prices are for those who pay them, and the list of tariffs says who that is.
            if (answers.Tariffs().All(row => row.Tariff != tariff.Value))
                throw new NotThereException($"there is no tariff {tariff}, or it is not yours");
            return Answering.Read(new TariffTermsAnswer(tariff.Value, position, await VersionsAsync<TariffPublished>(
                ledger, Streams.Tariff(tariff), position, context.RequestAborted).ConfigureAwait(false)), position);
        }).Reads("tariff-terms", "Every version of a tariff with its rules, prices and terms.", "tariff").Refuses(404);

        app.MapGet("/v1/rule-pack-terms", async (HttpContext context) =>
        {
            var pack = Asking.Required<RulePackId>(context.Request, "pack", RulePackId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            if (answers.RulePacks().All(row => row.Pack != pack.Value))
                throw new NotThereException($"there is no rule pack {pack}, or it is not yours");
            return Answering.Read(new RulePackTermsAnswer(pack.Value, position, await VersionsAsync<RulePackPublished>(
                ledger, Streams.RulePack(pack), position, context.RequestAborted).ConfigureAwait(false)), position);
        }).Reads("rule-pack-terms", "Every version of a rule pack with its rule; docs/rules.md says what its members mean.",
            "pack").Refuses(404);
    }

    private static async Task<IReadOnlyList<TermsVersion<T>>> VersionsAsync<T>(
        OpenLedger ledger, string stream, long? position, CancellationToken ct) where T : LedgerEvent
    {
        var versions = new List<TermsVersion<T>>();
        await foreach (var recorded in ledger.Journal.ReadStreamAsync(stream, 0, ct).ConfigureAwait(false))
            if (recorded.Position <= position && EventCodec.Decode(recorded) is T version)
                versions.Add(new(recorded.Envelope.ValidFrom, recorded.Position, new(version)));
        return versions;
    }
}
