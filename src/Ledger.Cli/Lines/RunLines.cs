using System.Globalization;
using System.Text;
using Ledger.Cli.Bundles;
using Ledger.Domain;

namespace Ledger.Cli.Lines;

/// <summary>A recorded settlement run and its lines, all of them or the first.</summary>
/// <param name="Position">Where the run was recorded.</param>
internal sealed record RunLines(long Position, SettlementRunCompleted Run, IReadOnlyList<StatementLine> Lines)
{
    public IReadOnlyList<string> Texts { get; } = [.. Lines.Select(line => line.Canonical())];

    public bool IsWhole => Lines.Count == Run.Lines;

    public string FileName =>
        BundleFiles.StatementsFolder + Position.ToString(CultureInfo.InvariantCulture) + BundleFiles.LinesExtension;

    public byte[] ToBytes() => Encoding.UTF8.GetBytes(string.Concat(Texts.Select(text => text + '\n')));

    /// <summary>Throws <see cref="FormatException"/> where the text is not lines of a statement, numbered from 1
    /// on.</summary>
    public static RunLines Read(long position, SettlementRunCompleted run, byte[] file)
    {
        var texts = Encoding.UTF8.GetString(file).Split('\n');
        if (texts[^1].Length > 0) throw new FormatException("the last line has no end");
        var lines = texts[..^1].Select(StatementText.Parse).ToList();
        for (var i = 0; i < lines.Count; i++)
            if (lines[i].Number != i + 1) throw new FormatException($"line {i + 1} is numbered {lines[i].Number}");
        return lines.Count <= run.Lines ? new(position, run, lines)
            : throw new FormatException($"{lines.Count} lines, the run has {run.Lines}");
    }
}
