using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Shouldly;

namespace Ledger.Tests;

public sealed class OcmfTests
{
    private const string Payload =
        """{"FV":"1.4","PG":"T1","MS":"7","TT":"a|b","RD":[{"TM":"2024-07-24T13:22:04,000+0200 S","TX":"B","RV":1.500,"RI":"01-00:B0.08.00*FF","RU":"kWh","ST":"G"}]}""";

    [Theory]
    [InlineData("secp192k1"), InlineData("secp192r1"), InlineData("secp256k1"), InlineData("secp256r1")]
    [InlineData("brainpool256r1"), InlineData("secp384r1"), InlineData("brainpool384r1")]
    public void Every_curve_verifies_and_one_changed_byte_does_not(string name)
    {
        var curve = OcmfSignature.Curves.Single(c => c.Name == name);
        using var key = ECDsa.Create(ECCurve.CreateFromValue(curve.Oid));
        var der = key.SignData(Encoding.UTF8.GetBytes(Payload), HashAlgorithmName.SHA256,
            DSASignatureFormat.Rfc3279DerSequence);
        var spki = Convert.ToHexString(key.ExportSubjectPublicKeyInfo());
        Judge(Payload, name, der, spki).Signature.ShouldBe(SignatureVerdict.Valid);
        Judge(Payload, name, der, spki).Conform.ShouldBeTrue();
        Judge(Payload, name, der, spki).Plausible.ShouldBeTrue();
        Judge(Payload.Replace("1.500", "1.501"), name, der, spki).Signature.ShouldBe(SignatureVerdict.Invalid);
        var point = key.ExportParameters(false).Q;
        var raw = key.SignData(Encoding.UTF8.GetBytes(Payload), HashAlgorithmName.SHA256,
            DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        var bare = Judge(Payload, name, raw, Convert.ToHexString([.. point.X!, .. point.Y!]));
        bare.Signature.ShouldBe(SignatureVerdict.Valid);
        bare.Deviations.Count.ShouldBe(2);
    }

    [Fact]
    public void The_text_of_the_value_is_kept_as_sent()
    {
        var value = Judge(Payload, "secp256r1", [0x30, 0], "");
        value.Signature.ShouldBe(SignatureVerdict.NoKey);
        value.Readings[0].ValueText.ShouldBe("1.500");
        Ocmf.DirectionOf(value.Readings[0].Obis).ShouldBe(Direction.Import);
    }

    /// <summary>A tariff's register is a part of the total, that of a transaction begins at zero with each, and that at
    /// the vehicle lacks what the cable takes.</summary>
    [Theory]
    [InlineData("01-00:B0.08.00*FF", Direction.Import), InlineData("01-00:C0.08.00*FF", Direction.Export)]
    [InlineData("01-00:B1.08.00*FF", null), InlineData("01-00:C1.08.00*FF", null)]
    [InlineData("1-0:1.8.0*198", Direction.Import), InlineData("1-b:2.8.e", Direction.Export)]
    [InlineData("1-0:1.8.0", Direction.Import), InlineData("01-00:2.08.00*FF", Direction.Export)]
    [InlineData("01-00:B2.08.00*FF", null), InlineData("01-00:B3.08.00*FF", null)]
    [InlineData("01-00:C2.08.00*FF", null), InlineData("01-00:C3.08.00*FF", null)]
    [InlineData("1-0:1.8.1", null), InlineData("1-0:2.8.2*255", null), InlineData("01-00:B0.08.10*FF", null)]
    [InlineData("1-b:1.9.0", null), InlineData("1.8", null), InlineData(null, null)]
    public void Only_what_counts_over_the_life_of_a_meter_is_its_total(string? obis, Direction? expected) =>
        Ocmf.DirectionOf(obis).ShouldBe(expected);

    [Theory]
    [InlineData("", Rejection.EmptyInput)]
    [InlineData("AP;0;3;", Rejection.UnknownFormat)]
    [InlineData("OCMF|{}", Rejection.Truncated)]
    [InlineData("OCMF|{\"FV\":\"1.0|\"", Rejection.Truncated)]
    [InlineData("OCMF|{|{}", Rejection.Malformed)]
    [InlineData("OCMF|[]|{}", Rejection.Malformed)]
    [InlineData("OCMF|{\"FV\":\"1.0\",\"FV\":\"1.1\"}|{}", Rejection.Malformed)]
    public void What_is_no_value_is_refused(string text, Rejection code) =>
        Ocmf.Read(text, null, out _)!.Code.ShouldBe(code);

    /// <summary>What is kept of a container has the same bytes on every machine, and those that it always had.
    /// </summary>
    [Fact]
    public void A_contained_value_is_kept_as_one_element()
    {
        var container = "<?xml version=\"1.0\"?>\r\n<v:values xmlns:v=\"urn:v\"><v:value transactionId='a\tb&#10;&#13;'>\r\n"
            + "  <signedData\n format=\"OCMF\">\tOCMF|&lt;&#13;\n&#13;&gt;&amp;|</signedData><!-- a\r\nb --><x></x><y/><![CDATA[<\r\n]]>"
            + "\u00e9</v:value></v:values>";
        OcmfContainer.Read(Encoding.UTF8.GetBytes(container), out var values).ShouldBeNull();
        values.ShouldHaveSingleItem().Xml.ShouldBe("<v:value transactionId=\"a b&#xA;&#xD;\" xmlns:v=\"urn:v\">\n"
            + "  <signedData format=\"OCMF\">\tOCMF|&lt;&#xD;\n&#xD;&gt;&amp;|</signedData><!-- a\nb --><x></x><y /><![CDATA[<\n]]>"
            + "\u00e9</v:value>");
    }

    /// <summary>A payload may hold bars itself; what stands behind the signature is none of what was signed.</summary>
    [Theory]
    [InlineData("", null)]
    [InlineData("|", "a third bar with '' behind it")]
    [InlineData("|more|{}", "a third bar with 'more|{}' behind it")]
    public void What_stands_behind_the_signature_is_a_deviation(string behind, string? deviation)
    {
        var text = "\uFEFFOCMF|" + Payload + "|{\"SD\":\"30|00\"}" + behind;
        Ocmf.Read(text, null, out var value).ShouldBeNull();
        value!.Deviations.Where(said => said.StartsWith("a third bar", StringComparison.Ordinal))
            .ShouldBe(deviation is null ? [] : [deviation]);
        Ocmf.PayloadOf(text).ShouldBe(Payload);
    }

    [Fact]
    public void A_document_type_is_refused()
    {
        var bomb = "<!DOCTYPE v [<!ENTITY a \"aaaa\">]><values><value>&a;</value></values>"u8;
        OcmfContainer.Read(bomb, out _)!.Code.ShouldBe(Rejection.Malformed);
    }

    [Fact]
    public void Every_published_value_has_its_published_verdict()
    {
        var root = Environment.GetEnvironmentVariable("LEDGER_SAMPLES");
        if (root is null) Assert.Skip("sample: set LEDGER_SAMPLES to the folder that holds samples/ocmf-safe");
        var folder = Path.Combine(root, "samples", "ocmf-safe");
        var rows = File.ReadAllLines(Path.Combine(folder, "VERDICTS.tsv"));
        var counts = new Dictionary<string, int>();
        foreach (var group in rows.Where(r => r.Contains(" | ")).GroupBy(r => r.Split(" | ")[0]))
        {
            var path = Directory.GetFiles(folder, group.Key, SearchOption.AllDirectories).Single();
            OcmfContainer.Read(File.ReadAllBytes(path), out var values).ShouldBeNull(group.Key);
            values.Count.ShouldBe(group.Count(), group.Key);
            foreach (var (row, value) in group.Zip(values))
            {
                var expected = row.Split(" | ")[1].Split(' ')[0];
                if (row.Contains("non-OCMF")) expected = "REFUSED";
                if (expected == "KEY-ERR") expected = "VALID";
                var actual = value.Value?.Signature switch
                {
                    SignatureVerdict.Valid => "VALID",
                    SignatureVerdict.Invalid => "INVALID",
                    SignatureVerdict.NoKey => "NO-KEY",
                    null => "REFUSED",
                    _ => value.Value.Signature.ToString(),
                };
                actual.ShouldBe(expected, $"{group.Key}: {row[..Math.Min(row.Length, 120)]} {value.Refused?.Detail}");
                counts[actual] = counts.GetValueOrDefault(actual) + 1;
            }
        }
        counts.ShouldBe(new Dictionary<string, int>
        {
            ["VALID"] = 243,
            ["INVALID"] = 4,
            ["NO-KEY"] = 2,
            ["REFUSED"] = 20
        }, ignoreOrder: true);
    }

    private static OcmfValue Judge(string payload, string curve, byte[] signature, string key)
    {
        var text = $$"""OCMF|{{payload}}|{"SA":"ECDSA-{{curve}}-SHA256","SD":"{{Convert.ToHexString(signature)}}"}""";
        Ocmf.Read(text, key, out var value).ShouldBeNull();
        return value!;
    }
}
