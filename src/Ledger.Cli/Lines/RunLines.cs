using System.Globalization;
using System.Text;
using Ledger.Cli.Bundles;
using Ledger.Domain;

namespace Ledger.Cli.Lines;

/// <summary>A recorded settlement run and its lines of energy, all of them or the first. Charges beside energy stand
/// after the lines under the same root, as texts: each is of a month, and no line of energy rests on one.</summary>
/// <param name="Position">Where the run was recorded.</param>
/// <param name="Charges">All of them or none.</param>
internal sealed record RunLines(
    long Position, SettlementRunCompleted Run, IReadOnlyList<StatementLine> Lines, IReadOnlyList<string> Charges)
{
    private const string ChargeMark = "Charge";

    public IReadOnlyList<string> Texts { get; } = [.. Lines.Select(line => line.Canonical()), .. Charges];

    public bool IsWhole => Texts.Count == Run.Lines;

    public string FileName =>
        BundleFiles.StatementsFolder + Position.ToString(CultureInfo.InvariantCulture) + BundleFiles.LinesExtension;

    public byte[] ToBytes() => Encoding.UTF8.GetBytes(string.Concat(Texts.Select(text => text + '\n')));

    /// <summary>Throws <see cref="FormatException"/> where the text is not lines of a statement, numbered from 1
    /// on.</summary>
    public static RunLines Read(long position, SettlementRunCompleted run, byte[] file)
    {
        var texts = Encoding.UTF8.GetString(file).Split('\n');
        if (texts[^1].Length > 0) throw new FormatException("the last line has no end");
        var charges = texts[..^1].SkipWhile(text => !IsCharge(text)).ToList();
        var lines = texts[..^(charges.Count + 1)].Select(StatementText.Parse).ToList();
        if (charges.FirstOrDefault(text => !IsCharge(text)) is { } stray)
            throw new FormatException($"'{stray}' stands after the charges");
        for (var i = 0; i < lines.Count; i++)
            if (lines[i].Number != i + 1) throw new FormatException($"line {i + 1} is numbered {lines[i].Number}");
        return texts.Length - 1 <= run.Lines ? new(position, run, lines, charges)
            : throw new FormatException($"{texts.Length - 1} lines, the run has {run.Lines}");
    }

    private static bool IsCharge(string text) =>
        text.Split('|') is [_, _, var what, ..] && what.StartsWith(ChargeMark, StringComparison.Ordinal);
}
