using System.Text;
using CsCheck;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A valid file of each format, changed at random: it never throws, never hangs, and every part of it has its answer,
/// a refusal with its code and reason.
/// </summary>
public sealed class IntakeMutationTests
{
    private const int ChangesMax = 4;
    private static readonly TimeSpan LongestTaking = TimeSpan.FromSeconds(30);

    /// <summary>What breaks readers: separators, signs, escapes, the ends of ranges,
    /// other formats' beginnings.</summary>
    private static readonly string[] Fragments =
    [
        "\"", "\\", "\\ud800", "\\u0000", "\0", "\uFFFD", "\n", "\r\n", ",", "|", "{", "}", "[", "]", "<", "&", "-",
        "+", ".", "1e60",
        "99999999999999999999", "NaN", "null", "true", "0", "9999-12-31T23:59:59Z", "0000-00-00T00:00:00Z", "24:00",
        "PK\u0003\u0004",
        "OCMF|", "100,NEM12,", "kWh", "mOhm", "type", "point",
    ];

    private static readonly string Day = string.Join(',', Enumerable.Repeat("0.5", 48));
    private const string Signed = """OCMF|{"FV":"1.0","PG":"T1","MS":"M1","RD":[{"TM":"2026-02-02T00:00:00,000+0000 S","TX":"B","RV":200.5,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"},{"RV":"0201.000","RU":"Wh","EF":"t"}]}|{"SA":"ECDSA-secp256r1-SHA256","SD":"3006020101020101"}""";

    private static readonly byte[][] Valid =
    [
        Text(IntakeTests.EveryFact),
        Text($"[{IntakeTests.EveryFact.Replace("\n", ",\n")}]"),
        Text("point,register,read_at,kwh,quality\nCP1,1.8.0,2026-02-02T00:00:00Z,10.000,measured\nCP1,2.8.0,2026-02-02T00:00:00+08:00,5.5,\n"),
        Text($"100,NEM12,1\n200,N1,E1Q1,,E1,M,,kWh,30,\n300,20260101,{Day},V\n400,1,48,A\n200,N1,E1Q1,,Q1,M,,kVArh,30,\n300,20260101,{Day},A\n900\n"),
        Text("Session,CCS,Arrival,Departure,Stay (min),Energy (Wh),Pmax (W)\n1,CCS1,2026-02-01T00:00:00,2026-02-01T01:00:00,60,1000.5,5000\n"),
        Text(Signed),
        Text($"<?xml version=\"1.0\"?><values><value transactionId=\"1\"><signedData format=\"OCMF\" encoding=\"plain\">{Signed}</signedData><publicKey encoding=\"plain\">3059</publicKey></value></values>"),
        IntakeTests.Zip(("a.json", Text(IntakeLedger.Connector)),
            ("b.csv", Text($"100,NEM12,1\n200,N2,E1,,E1,M,,kWh,30,\n300,20260101,{Day},A\n900"))),
    ];

    private static readonly Gen<byte[]> Mutated =
        from original in Gen.Int[0, Valid.Length - 1].Select(number => Valid[number])
        from changes in Gen.Select(Gen.Int[0, int.MaxValue], Gen.Int[0, 60], Gen.Int[0, 5], Gen.Byte).Array[1,
            ChangesMax]
        select changes.Aggregate(original, Change);

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Change(byte[] bytes, (int At, int Length, int Kind, byte Value) change)
    {
        if (bytes.Length == 0) return bytes;
        var at = change.At % bytes.Length;
        var end = Math.Min(bytes.Length, at + change.Length);
        return change.Kind switch
        {
            0 => bytes[..at],
            1 => [.. bytes[..at], .. bytes[end..]],
            2 => [.. bytes[..end], .. bytes[at..]],
            3 => [.. bytes[..at], change.Value, .. bytes[(at + 1)..]],
            4 => [.. bytes[..at], .. Text(Fragments[change.Value % Fragments.Length]), .. bytes[end..]],
            _ => [.. bytes[..at], .. Text(Fragments[change.Value % Fragments.Length]), .. bytes[at..]],
        };
    }

    [Fact]
    public async Task A_changed_file_of_any_format_always_has_an_answer()
    {
        WholeMachine.SkipWhileMutating();
        await using var ledger = new IntakeLedger();
        foreach (var direction in Enum.GetValues<Direction>())
            ledger.Registers[("M1", direction)] = new RegisterId(new SettlementPointId("CP1"), direction);
        var hints = new IntakeHints(Zone: DateTimeZone.Utc, PublicKey: "3059");
        foreach (var valid in Valid) Answered(await ledger.TakeAsync(valid, hints));
        await Mutated.SampleAsync(
            async bytes => Answered(await ledger.TakeAsync(bytes, hints)
                .WaitAsync(LongestTaking, TestContext.Current.CancellationToken)),
            iter: 1_000, threads: 1, print: bytes => Encoding.Latin1.GetString(bytes));
        // What came in can be read back by every view.
        await ledger.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
    }

    private static void Answered(IntakeReport report)
    {
        report.Parts.ShouldNotBeEmpty();
        foreach (var outcome in report.Outcomes)
            switch (outcome)
            {
                case RecordOutcome.Refused refused:
                    Enum.IsDefined(refused.Code).ShouldBeTrue();
                    refused.Detail.ShouldNotBeNullOrEmpty();
                    break;
                case RecordOutcome.Conflict conflict:
                    conflict.Differs.ShouldNotBeNullOrEmpty();
                    break;
                default:
                    outcome.IsDurable.ShouldBeTrue($"{outcome}");
                    break;
            }
    }
}
