using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// One signed value of a container: read and judged, or refused with its reason. <paramref name="Xml"/> is its element
/// with its key, the evidence of this value alone; <paramref name="Text"/> is what it has in it, decoded.
/// </summary>
public sealed record ContainedValue(
    int Number, string? Transaction, string? Context, string Xml, string? Text, OcmfValue? Value, Refusal? Refused);

/// <summary>
/// The XML container <c>values.xsd</c> of the German transparency software: signed values with their public keys. Only
/// OCMF is judged; every other format is refused by its name.
/// </summary>
public static class OcmfContainer
{
    /// <summary>Signed values in one container.</summary>
    private const int ValuesMax = 10_000;

    /// <summary>Reads all values, in document order; a container that is no XML is refused whole.</summary>
    public static Refusal? Read(ReadOnlySpan<byte> bytes, out IReadOnlyList<ContainedValue> values)
    {
        values = [];
        if (IntakeText.Decode(bytes, out var text) is { } refused) return refused;
        XDocument document;
        try
        {
            document = Parse(text);
        }
        catch (XmlException e)
        {
            return Refusal.Of(Rejection.Malformed,
                $"XML line {e.LineNumber}, column {e.LinePosition}: not well-formed, or a DTD");
        }
        var items = document.Descendants().Where(e => e.Name.LocalName == "value").Take(ValuesMax + 1).ToList();
        if (items.Count > ValuesMax) return Refusal.Of(Rejection.TooLarge, $"more than {ValuesMax} signed values");
        if (items.Count == 0) return NoValues(document.Root!);
        values = [.. items.Select((item, index) => Read(item, index + 1))];
        return null;
    }

    /// <summary>No document type, no external entity, no growth: what a container may not do to its reader.</summary>
    private static XDocument Parse(string text)
    {
        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersInDocument = Limits.ImportBytesMax,
            MaxCharactersFromEntities = 1024,
        };
        using var depth = XmlReader.Create(new StringReader(text), settings);
        // A document nested deeper than any container is refused before a tree is built from it.
        while (depth.Read()) if (depth.Depth > 32) throw new XmlException("nested too deep");
        using var reader = XmlReader.Create(new StringReader(text), settings);
        return XDocument.Load(reader, LoadOptions.PreserveWhitespace);
    }

    /// <summary>An element with what is in it, the same on every machine. A carriage return came into the document by a
    /// reference, since XML has one line end; it may be signed, so it goes out by one.</summary>
    private static string Alone(XElement item)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings
        {
            OmitXmlDeclaration = true,
            NewLineChars = "\n",
            NewLineHandling = NewLineHandling.Entitize,
        }))
            item.WriteTo(writer);
        return text.ToString();
    }

    private static ContainedValue Read(XElement item, int number)
    {
        var transaction = item.Attribute("transactionId")?.Value;
        var context = item.Attribute("context")?.Value;
        var xml = Alone(item);
        string? text = null;
        ContainedValue Refuse(Rejection code, string detail) =>
            new(number, transaction, context, xml, text, null, Refusal.Of(code, $"value {number}: {detail}"));

        var data = Child(item, "signedData");
        if (data is null)
            return Child(item, "encodedData") is null
                ? Refuse(Rejection.MissingField, "signedData is missing")
                : Refuse(Rejection.UnknownFormat, "encodedData (a CMS envelope with RSA) is not supported; OCMF is");
        var format = data.Attribute("format")?.Value;
        if ((text = Decode(data)) is null)
            return Refuse(Rejection.Malformed, "signedData is not in the encoding it names");
        if (format is not (null or "OCMF"))
            return Refuse(Rejection.UnknownFormat, $"format {IntakeText.Quote(format)} is not supported; OCMF is");
        if (text.Length > 0 && NameOf(text) is { } name)
            return Refuse(Rejection.UnknownFormat, $"format {name} is not supported; OCMF is");
        var refused = Ocmf.Read(text, Child(item, "publicKey")?.Value, out var value);
        return refused is null
            ? new ContainedValue(number, transaction, context, xml, text, value, null)
            : Refuse(refused.Code, refused.Detail);
    }

    private static string? Decode(XElement data)
    {
        var text = data.Value.Trim('\uFEFF', ' ', '\t', '\r', '\n');
        if (data.Attribute("format")?.Value is not (null or "OCMF")) return text;
        try
        {
            return data.Attribute("encoding")?.Value switch
            {
                "base64" => Encoding.UTF8.GetString(Convert.FromBase64String(text)),
                "hex" or "base16" => Encoding.UTF8
                    .GetString(Convert.FromHexString(string.Concat(text.Where(c => !char.IsWhiteSpace(c))))),
                _ => text,
            };
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>The name of a known format that is not OCMF, by how its text begins;
    /// null where it may be OCMF.</summary>
    public static string? NameOf(string text)
    {
        var head = string.Concat(text.Take(64).Where(c => !char.IsWhiteSpace(c)));
        if (head.StartsWith("1b1b1b1b", StringComparison.OrdinalIgnoreCase)) return "EDL40 (SML)";
        if (text.Contains("<signedMeterValue", StringComparison.Ordinal)) return "EDL40 (signedMeterValue XML)";
        if (head.StartsWith("AP;", StringComparison.Ordinal)) return "ALFEN";
        if (head.StartsWith("(ST:", StringComparison.Ordinal)) return "PCDF";
        return null;
    }

    private static Refusal NoValues(XElement root) => root.Name.LocalName switch
    {
        "Billing" or "ChargingProcess" =>
            Refusal.Of(Rejection.UnknownFormat, "format Mennekes is not supported; OCMF is"),
        "signedMeterValue" =>
            Refusal.Of(Rejection.UnknownFormat, "format EDL40 (signedMeterValue XML) is not supported; OCMF is"),
        var name => Refusal.Of(Rejection.UnknownFormat, $"XML element {IntakeText.Quote(name)} holds no signed values"),
    };

    private static XElement? Child(XElement of, string name) =>
        of.Elements().FirstOrDefault(e => e.Name.LocalName == name);
}
