using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A signed value counts by the key that is registered for its meter,
/// not by any key that comes with it.</summary>
public sealed class MeterKeyTests
{
    private const string Payload =
        """{"FV":"1.0","PG":"T1","MS":"M1","RD":[{"TM":"2026-02-01T00:00:00,000+0000 S","TX":"B","RV":1.500,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"}]}""";

    private const string OverTheExchange =
        """{"FV":"1.0","PG":"T1","MS":"M1","RD":[{"TM":"2026-01-15T00:00:00,000+0000 S","TX":"B","RV":1.500,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"},{"TM":"2026-02-01T00:00:00,000+0000 S","TX":"E","RV":2.500,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"}]}""";

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
        var keys = registered switch
        {
            "none" => Array.Empty<string>(),
            "own" => [Row(Spki(own), "2026-01-01")],
            "own point" => [Row(Spki(own)[^128..], "2026-01-01")],
            "foreign" => [Row(Spki(foreign), "2026-01-01")],
            "own, then foreign after the value" => [Row(Spki(own), "2026-01-01"), Row(Spki(foreign), "2026-02-02")],
            _ => [Row(Spki(foreign), "2026-01-01"), Row(Spki(own), "2026-01-31")],
        };
        await using var ledger = await WithKeysAsync(keys);
        var outcome = (await ledger.TakeAsync(Signed(Payload, own), new IntakeHints(PublicKey: Spki(own)))).Outcomes
            .ShouldHaveSingleItem();
        if (!counts) outcome.ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.NotTheMetersKey);
        else (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>()
            .ShouldHaveSingleItem().Quality.ShouldBe(
                // A key that nobody registered is its sender's word.
                registered == "none" ? ReadingQuality.Measured : ReadingQuality.MeasuredSigned);
    }

    /// <summary>Who sends a value sends a key with it. One that is followed by the meter's own would be verified by its
    /// beginning, and compared by its end.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_key_with_the_meters_own_behind_it_is_no_key(bool registeredAsPoint)
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var registered = registeredAsPoint ? Spki(own)[^128..] : Spki(own);
        await using var ledger = await WithKeysAsync(Row(registered, "2026-01-01"));
        var container = $"<values><value><signedData format=\"OCMF\" encoding=\"plain\">{Signed(Payload, foreign)}"
            + $"</signedData><publicKey>{Spki(foreign)}{registered}</publicKey></value></values>";
        (await ledger.TakeAsync(container)).Outcomes.ShouldHaveSingleItem()
            .ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.NoKey);
        (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().ShouldBeEmpty();
    }

    /// <summary>A value begins under one key and ends after it was replaced.</summary>
    [Fact]
    public async Task A_key_that_was_replaced_signs_nothing_of_afterwards()
    {
        using var before = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var now = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var ledger = await WithKeysAsync(Row(Spki(before), "2026-01-01"), Row(Spki(now), "2026-01-31"));
        var outcomes = (await ledger.TakeAsync(
            Signed(OverTheExchange, before), new IntakeHints(PublicKey: Spki(before)))).Outcomes;
        outcomes.OfType<RecordOutcome.Refused>().ShouldHaveSingleItem().Code.ShouldBe(Rejection.NotTheMetersKey);
        var reading = (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().ShouldHaveSingleItem();
        (reading.ReadAt, reading.Quality).ShouldBe((Instant.FromUtc(2026, 1, 15, 0, 0), ReadingQuality.MeasuredSigned));
    }

    /// <summary>No door asks for a key, and a container may leave its own out: the meter's is known all the same.
    /// </summary>
    [Theory]
    [InlineData("bare")]
    [InlineData("contained")]
    [InlineData("contained, with an empty key")]
    public async Task A_value_without_a_key_is_signed_by_its_meter_or_is_refused(string how)
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string As(string value) => how == "bare" ? value
            : $"<values><value><signedData format=\"OCMF\">{value}</signedData>"
                + $"{(how == "contained" ? "" : "<publicKey> </publicKey>")}</value></values>";
        await using var ledger = await WithKeysAsync(Row(Spki(own), "2026-01-01"));
        var forged = Signed(Payload, own).Replace("1.500", "9.500", StringComparison.Ordinal);
        (await ledger.TakeAsync(As(forged))).Outcomes.ShouldHaveSingleItem()
            .ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.SignatureInvalid);
        (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().ShouldBeEmpty();

        (await ledger.TakeAsync(As(Signed(Payload, own)))).Outcomes.ShouldHaveSingleItem()
            .ShouldBeOfType<RecordOutcome.Recorded>();
        (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().ShouldHaveSingleItem().Quality
            .ShouldBe(ReadingQuality.MeasuredSigned);
        var (verified, findings) = await ReadingVerificationTests.VerifyAsync(ledger);
        (verified.Registers, findings.Faults.Count, findings.NotChecked.Count).ShouldBe(((1, 1), 0, 0));
    }

    /// <summary>Of the keys that a meter had while a value ran, the one that signed it counts, as if it had come with
    /// it.</summary>
    [Theory]
    [InlineData("before", "2026-01-15")]
    [InlineData("now", "2026-02-01")]
    [InlineData("foreign", null)]
    public async Task A_value_without_a_key_counts_where_the_key_that_signed_it_held(string signer, string? counts)
    {
        using var before = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var now = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var ledger = await WithKeysAsync(Row(Spki(before), "2026-01-01"), Row(Spki(now), "2026-01-31"));
        var refused = (await ledger.TakeAsync(Signed(OverTheExchange,
            signer switch { "before" => before, "now" => now, _ => foreign }))).Outcomes
            .OfType<RecordOutcome.Refused>().ShouldHaveSingleItem().Code;
        refused.ShouldBe(counts is null ? Rejection.SignatureInvalid : Rejection.NotTheMetersKey);
        (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>()
            .Select(reading => (NodaTime.Text.InstantPattern.General.Format(reading.ReadAt)[..10], reading.Quality))
            .ShouldBe(counts is null ? [] : [(counts, ReadingQuality.MeasuredSigned)]);
        (await ReadingVerificationTests.VerifyAsync(ledger)).Findings.Faults.ShouldBeEmpty();
    }

    /// <summary>Once both readings were recorded as measured, also the one of before the exchange of its key.</summary>
    [Fact]
    public async Task What_the_meters_next_key_signed_may_stand_as_measured()
    {
        using var before = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var now = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var ledger = await WithKeysAsync(Row(Spki(now), "2026-01-01"), Row(Spki(now), "2026-01-31"));
        await ledger.TakeAsync(Signed(OverTheExchange, now));
        async Task<IEnumerable<string>> FaultsAsync(ReadingQuality recorded) =>
            (await ReadingVerificationTests.VerifyAsync(ledger, fact => fact switch
            {
                MeterKeyRegistered key when key.From == Instant.FromUtc(2026, 1, 1, 0, 0) =>
                    key with { PublicKey = Spki(before).ToLowerInvariant() },
                RegisterReadingRecorded reading => reading with { Quality = recorded },
                _ => fact,
            })).Findings.Faults.Select(fault => fault.Found[.."signed with key".Length]);

        (await FaultsAsync(ReadingQuality.Measured)).ShouldBeEmpty();
        (await FaultsAsync(ReadingQuality.MeasuredSigned)).ShouldBe(["signed with key"]);
    }

    /// <summary>RFC 5480, section 2.1.1.1: a curve is named. With parameters of one's own, of which the generator is
    /// chosen, a private key can be made for anybody's point.</summary>
    [Fact]
    public void A_key_is_read_whole_and_on_a_named_curve_alone()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var info = key.ExportSubjectPublicKeyInfo();
        MeterPublicKey.Read(info).ShouldNotBeNull().Point.ToArray().ShouldBe(info[^64..]);
        MeterPublicKey.Read((byte[])[.. info, 0]).ShouldBeNull();
        MeterPublicKey.Read(info.AsMemory(0, info.Length - 1)).ShouldBeNull();
        var named = key.ExportParameters(false);
        var curve = key.ExportExplicitParameters(false).Curve;
        using var ofOwn = ECDsa.Create(new ECParameters { Curve = curve, Q = named.Q });
        var explicitly = ofOwn.ExportSubjectPublicKeyInfo();
        explicitly.AsSpan()[^64..].SequenceEqual(info.AsSpan()[^64..]).ShouldBeTrue();
        MeterPublicKey.Read(explicitly).ShouldBeNull();
    }

    [Fact]
    public void Keys_are_the_same_by_point_and_by_curve_where_both_name_one()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var (info, point) = (Spki(key), Spki(key)[^128..]);
        MeterPublicKey.IsSame(info, info).ShouldBeTrue();
        MeterPublicKey.IsSame(info, point).ShouldBeTrue();
        MeterPublicKey.IsSame("04" + point, point).ShouldBeTrue();
        MeterPublicKey.IsSame(info, Spki(other)).ShouldBeFalse();
        // The identifier of secp256k1 in place of secp256r1's, which is three bytes longer.
        var onAnother = info.Replace("3059301306072A8648CE3D020106082A8648CE3D030107", "3056301006072A8648CE3D020106052B8104000A",
            StringComparison.Ordinal);
        MeterPublicKey.Read(Convert.FromHexString(onAnother)).ShouldNotBeNull().Curve!.Name.ShouldBe("secp256k1");
        MeterPublicKey.IsSame(info, onAnother).ShouldBeFalse();
        MeterPublicKey.IsSame("00", "00").ShouldBeFalse();
    }

    private static async Task<IntakeLedger> WithKeysAsync(params string[] keys)
    {
        var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        ledger.Registers[("M1", Direction.Import)] = new(new("CP1"), Direction.Import);
        if (keys.Length > 0)
            (await ledger.TakeAsync("meter_serial,public_key,valid_from\n" + string.Join('\n', keys))).Outcomes
                .ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        return ledger;
    }

    private static string Signed(string payload, ECDsa key)
    {
        var signature = key.SignData(Encoding.UTF8.GetBytes(payload), HashAlgorithmName.SHA256,
            DSASignatureFormat.Rfc3279DerSequence);
        return $$"""OCMF|{{payload}}|{"SA":"ECDSA-secp256r1-SHA256","SD":"{{Convert.ToHexString(signature)}}"}""";
    }

    private static string Row(string key, string day) => $"M1,{key},{day}T00:00:00Z";
    private static string Spki(ECDsa key) => Convert.ToHexString(key.ExportSubjectPublicKeyInfo());
}
