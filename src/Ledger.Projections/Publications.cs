using System.Security.Cryptography;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What a publication of a run would say, and what of the run does not come out again.</summary>
public sealed record PublicationDraft(SettlementRunPublished Publication, string? Differs);

/// <summary>What a run rests on and how complete it is, calculated again from its own position.</summary>
public static class Publications
{
    /// <summary>Null where the day has no such run, or nothing can be calculated again.</summary>
    public static async Task<PublicationDraft?> DraftAsync(IJournal journal, IViewStore views, RunId run,
        PartyId account, LocalDate day, string by, CancellationToken ct)
    {
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Settlement(account, day), 0, ct)
            .ConfigureAwait(false))
        {
            if (EventCodec.Decode(recorded) is not SettlementRunCompleted completed || completed.Run != run) continue;
            var row = new Answers(views).Runs(account, day).First(each => each.Run == run.Value);
            var again = await Settlements.RederiveAsync(journal, views, row, ct).ConfigureAwait(false);
            if (again.Statement is not { } statement) return null;
            var flexibility = statement.Flexibility;
            var packs = (await FlexibilityStatements.OfAsync(journal, views, account, day, row.AtPosition,
                row.RuleVersion, ct).ConfigureAwait(false)).Packs;
            return new(new(run, account, day, recorded.Envelope.Actor, by, Digest(recorded.Payload),
                await TariffAsync(journal, completed, ct).ConfigureAwait(false),
                await PacksAsync(journal, packs, row.AtPosition, ct).ConfigureAwait(false),
                (await CompletenessAsync(journal, views, row, statement, ct).ConfigureAwait(false)).Completeness,
                flexibility.Count == 0 ? null : new(flexibility.Count, FlexibilityLines.Root(flexibility),
                    flexibility.Sum(line => line.Amount ?? 0m), statement.Currency,
                    FlexibilityLines.Postings(flexibility))), again.Differs);
        }
        return null;
    }

    /// <summary>What master data lets expect of a run, against what was received; and how many of the points that are
    /// left out lie behind one that is settled, so that nothing of them is missing.</summary>
    public static async Task<(Completeness Completeness, int Behind)> CompletenessAsync(IJournal journal,
        IViewStore views, TimeOfUseSettlement.RunRow run, Statement statement, CancellationToken ct)
    {
        var facts = await SettlementFacts.GatherAsync(journal, views, new(run.Account), RowJson.Day(run.Day),
            run.AtPosition, ct).ConfigureAwait(false);
        return (CompletenessOf(facts, statement), facts.LeftOut.Count(point => point.IsBehind));
    }

    private static Completeness CompletenessOf(SettlementFacts facts, Statement statement) => Completeness.Of(
        statement, facts.Points.ToDictionary(point => point.Registered.Point,
            point => (point.Registered.Station, point.Directions.Count() * point.Periods.Count)), facts.LeftOut.Count);

    private static async Task<EvidenceDigest> TariffAsync(
        IJournal journal, SettlementRunCompleted run, CancellationToken ct)
    {
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Tariff(run.Tariff), 0, ct).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is TariffPublished tariff && tariff.Version == run.TariffVersion)
                return Digest(recorded.Payload);
        throw new InvalidOperationException($"tariff {run.Tariff} v{run.TariffVersion} of {run.Run} is not recorded");
    }

    private static async Task<IReadOnlyList<PackUse>> PacksAsync(IJournal journal,
        IReadOnlyList<(RulePackId Pack, int Version)> packs, long before, CancellationToken ct)
    {
        var used = new List<PackUse>();
        foreach (var (pack, version) in packs.Distinct().Order())
            await foreach (var recorded in journal.ReadStreamAsync(Streams.RulePack(pack), 0, ct).ConfigureAwait(false))
                if (recorded.Position < before && EventCodec.Decode(recorded) is RulePackPublished known
                    && known.Version == version) used.Add(new(pack, version, Digest(recorded.Payload)));
        return used;
    }

    private static EvidenceDigest Digest(ReadOnlyMemory<byte> payload) =>
        new(Convert.ToHexStringLower(SHA256.HashData(payload.Span)));
}
