using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A signed value counts by the key that is registered for its meter,
/// not by any key that comes with it.</summary>
public sealed class MeterKeyTests
{
    private const string Payload =
        """{"FV":"1.0","PG":"T1","MS":"M1","RD":[{"TM":"2026-02-01T00:00:00,000+0000 S","TX":"B","RV":1.500,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"}]}""";

    [Theory]
    [InlineData("none", true)]
    [InlineData("own", true)]
    [InlineData("own point", true)]
    [InlineData("foreign", false)]
    [InlineData("own, then foreign after the value", true)]
    [InlineData("foreign, then own before the value", true)]
    public async Task The_key_of_the_meter_at_the_time_of_the_value_decides(string registered, bool counts)
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        ledger.Registers[("M1", Direction.Import)] = new(new("CP1"), Direction.Import);
        var keys = registered switch
        {
            "none" => Array.Empty<string>(),
            "own" => [Row(Spki(own), "2026-01-01")],
            "own point" => [Row(Spki(own)[^128..], "2026-01-01")],
            "foreign" => [Row(Spki(foreign), "2026-01-01")],
            "own, then foreign after the value" => [Row(Spki(own), "2026-01-01"), Row(Spki(foreign), "2026-02-02")],
            _ => [Row(Spki(foreign), "2026-01-01"), Row(Spki(own), "2026-01-31")],
        };
        if (keys.Length > 0)
            (await ledger.TakeAsync("meter_serial,public_key,valid_from\n" + string.Join('\n', keys))).Outcomes
                .ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);

        var signature = own.SignData(Encoding.UTF8.GetBytes(Payload), HashAlgorithmName.SHA256,
            DSASignatureFormat.Rfc3279DerSequence);
        var text = $$"""OCMF|{{Payload}}|{"SA":"ECDSA-secp256r1-SHA256","SD":"{{Convert.ToHexString(signature)}}"}""";
        var outcome =
            (await ledger.TakeAsync(text, new IntakeHints(PublicKey: Spki(own)))).Outcomes.ShouldHaveSingleItem();
        if (!counts) outcome.ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.NotTheMetersKey);
        else (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>()
            .ShouldHaveSingleItem().Quality.ShouldBe(
                // A key that nobody registered is its sender's word.
                registered == "none" ? ReadingQuality.Measured : ReadingQuality.MeasuredSigned);
    }

    private static string Row(string key, string day) => $"M1,{key},{day}T00:00:00Z";
    private static string Spki(ECDsa key) => Convert.ToHexString(key.ExportSubjectPublicKeyInfo());
}
