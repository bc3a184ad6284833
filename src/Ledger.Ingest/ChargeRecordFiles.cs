using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>Charge records of a file that is compared and not recorded: a JSON record or an array of them, or CSV.
/// </summary>
public static class ChargeRecordFiles
{
    /// <summary>Throws <see cref="InputRefusedException"/> at the first record that cannot be read.</summary>
    public static IReadOnlyList<ChargeRecordInput> Read(ReadOnlyMemory<byte> file) =>
        Read(file, ChargeRecordRows.Read);

    /// <summary>The same of a file from which records came: a row that was refused then stops no other.</summary>
    internal static IReadOnlyList<ChargeRecordInput> ReadAgain(ReadOnlyMemory<byte> file) =>
        Read(file, ChargeRecordRows.ReadAgain);

    private static IReadOnlyList<ChargeRecordInput> Read(
        ReadOnlyMemory<byte> file, Func<ReadOnlyMemory<byte>, IEnumerable<ChargeRecordInput>> rows)
    {
        if (IntakeText.Decode(file.Span, out var text) is { } refused)
            throw new InputRefusedException(refused.Code, "input", "", refused.Detail);
        if (text.AsSpan().TrimStart() is not ['{' or '[', ..])
            return ChargeRecordRows.IsHeader(text.Split('\n')[0].TrimEnd('\r')) ? [.. rows(file)]
                : throw new InputRefusedException(Rejection.UnknownFormat, "input", "",
                    "must be charge records of OCPI in JSON, or in CSV with its header");
        using var document = InputValue.Parse(IntakeText.WithoutByteOrderMark(file));
        var input = new InputValue("input", document.RootElement);
        return input.Json.ValueKind == System.Text.Json.JsonValueKind.Array
            ? input.Array().ConvertAll(ChargeRecordText.Read) : [ChargeRecordText.Read(input)];
    }
}
