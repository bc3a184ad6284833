using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;

namespace Ledger.Cli;

/// <summary>Derives every value of every line of a statement again from its children: tariff period, price, billed
/// energy, exact and rounded amount, with what each line leaves over to the next.</summary>
internal static class NodeVerification
{
    /// <summary>Each value that does not follow, with the index of its line.</summary>
    public static IEnumerable<(int Index, string Fault)> Faults(
        IReadOnlyList<StatementLine> lines, TariffPublished tariff)
    {
        var carry = LineCarry.None;
        for (var i = 0; i < lines.Count; i++)
        {
            foreach (var node in StatementNodes.Of(lines[i], tariff, carry))
                if (!node.Holds)
                    yield return (i, $"line {lines[i].Number}: {node.Name} {node.Said}, and {node.Follows} by "
                        + string.Join(", ", node.From));
            carry = carry.After(lines[i], lines.ElementAtOrDefault(i + 1));
        }
    }

    /// <summary>Adds a fault for each; the number of values that were derived.</summary>
    public static async Task<long> VerifyAsync(
        IJournal journal, Statement statement, string place, Findings findings, CancellationToken ct)
    {
        TariffPublished? tariff = null;
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Tariff(statement.Tariff), 0, ct)
            .ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is TariffPublished known && known.Version == statement.TariffVersion)
                tariff = known;
        if (tariff is null) return 0;
        foreach (var (_, fault) in Faults(statement.Lines, tariff)) findings.Add(place, fault, "what it follows from");
        return (long)statement.Lines.Count * StatementNodes.PerLine;
    }
}
