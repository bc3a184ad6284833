using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Doubts: whether a value that comes with a key of its sender's making counts as signed by its meter.</summary>
public sealed class DoubtMeterKeyTests
{
    private const string Payload =
        """{"FV":"1.0","PG":"T1","MS":"M1","RD":[{"TM":"2026-02-01T00:00:00,000+0000 S","TX":"B","RV":99999.500,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"}]}""";

    /// <summary>The sender's own key with the meter's public key behind it: the first is what the signature is verified by
    /// (ImportSubjectPublicKeyInfo leaves trailing bytes), the last is what is compared with the registered one.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_forged_value_is_not_signed_by_a_meter_whose_key_stands_behind_the_forgers_own(bool asPoint)
    {
        using var meter = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var forger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        ledger.Registers[("M1", Direction.Import)] = new(new("CP1"), Direction.Import);
        var registered = asPoint ? Spki(meter)[^128..] : Spki(meter);
        (await ledger.TakeAsync($"meter_serial,public_key,valid_from\nM1,{registered},2026-01-01T00:00:00Z")).Outcomes
            .ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        var signature = forger.SignData(Encoding.UTF8.GetBytes(Payload), HashAlgorithmName.SHA256,
            DSASignatureFormat.Rfc3279DerSequence);
        var text = $$"""OCMF|{{Payload}}|{"SA":"ECDSA-secp256r1-SHA256","SD":"{{Convert.ToHexString(signature)}}"}""";
        // By the container that any station or operator may send, with the key that the sender writes into it.
        var container = $"<values><value><signedData format=\"OCMF\" encoding=\"plain\">{text.Replace("<", "&lt;")}</signedData><publicKey>{Spki(forger)}{registered}</publicKey></value></values>";
        foreach (var outcome in (await ledger.TakeAsync(container)).Outcomes)
            TestContext.Current.TestOutputHelper!.WriteLine($"{outcome}");
        (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().Select(reading => reading.Quality)
            .ShouldNotContain(ReadingQuality.MeasuredSigned);
    }

    /// <summary>The meter's key was replaced on 31 January. Whoever has the old one signs a value that begins before that day;
    /// its first reading decides by which key all of them count.</summary>
    [Fact]
    public async Task A_reading_of_after_a_key_was_replaced_does_not_count_by_the_key_before()
    {
        const string payload =
            """{"FV":"1.0","PG":"T1","MS":"M1","RD":[{"TM":"2026-01-15T00:00:00,000+0000 S","TX":"B","RV":1.500,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"},{"TM":"2026-02-01T00:00:00,000+0000 S","TX":"E","RV":2.500,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"}]}""";
        using var before = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var now = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        ledger.Registers[("M1", Direction.Import)] = new(new("CP1"), Direction.Import);
        await ledger.TakeAsync($"meter_serial,public_key,valid_from\nM1,{Spki(before)},2026-01-01T00:00:00Z\nM1,{Spki(now)},2026-01-31T00:00:00Z");
        var signature = before.SignData(Encoding.UTF8.GetBytes(payload), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);
        var text = $$"""OCMF|{{payload}}|{"SA":"ECDSA-secp256r1-SHA256","SD":"{{Convert.ToHexString(signature)}}"}""";
        await ledger.TakeAsync(text, new IntakeHints(PublicKey: Spki(before)));
        (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>()
            .Where(reading => reading.ReadAt >= NodaTime.Instant.FromUtc(2026, 1, 31, 0, 0))
            .Select(reading => reading.Quality).ShouldNotContain(ReadingQuality.MeasuredSigned);
    }

    private static string Spki(ECDsa key) => Convert.ToHexString(key.ExportSubjectPublicKeyInfo());
}
