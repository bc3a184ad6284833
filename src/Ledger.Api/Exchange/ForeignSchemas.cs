using Microsoft.OpenApi;

namespace Ledger.Api.Exchange;

/// <summary>
/// What is answered in the words of other standards, as far as it is written here: these objects have these members and
/// no others. Their values are the standards' own, numbers of JSON too.
/// </summary>
internal static class ForeignSchemas
{
    private static OpenApiSchema Text => new() { Type = JsonSchemaType.String };
    private static OpenApiSchema Time => new() { Type = JsonSchemaType.String, Format = "date-time" };
    private static OpenApiSchema Count => new() { Type = JsonSchemaType.Integer };

    /// <summary>A value of any kind.</summary>
    private static OpenApiSchema Value => new();

    /// <summary>OpenADR 3.1, program.</summary>
    public static OpenApiSchema Program => Object(("id", Text), ("createdDateTime", Time), ("modificationDateTime", Time),
        ("objectType", Is("PROGRAM")), ("programName", Text), ("intervalPeriod", Object(("start", Time))),
        ("payloadDescriptors", List(Descriptor)), ("attributes", List(Payload)));

    /// <summary>OpenADR 3.1, event.</summary>
    public static OpenApiSchema Event => Object(("id", Text), ("createdDateTime", Time), ("modificationDateTime", Time),
        ("objectType", Is("EVENT")), ("programID", Text), ("targets", List(Text)),
        ("payloadDescriptors", List(Descriptor)), ("intervals", List(Interval)));

    /// <summary>OpenADR 3.1, report.</summary>
    public static OpenApiSchema Report => Object(("id", Text), ("createdDateTime", Time), ("modificationDateTime", Time),
        ("objectType", Is("REPORT")), ("clientID", Text), ("programID", Text), ("eventID", Text), ("clientName", Text),
        ("payloadDescriptors", List(Descriptor)),
        ("resources", List(Object(("resourceName", Text), ("intervals", List(Interval))))));

    /// <summary>OCPI, response format, of a charge detail record, which is given as it was issued or
    /// received.</summary>
    public static OpenApiSchema ChargeRecord => Envelope(Record);

    /// <summary>The same of a page of them.</summary>
    public static OpenApiSchema ChargeRecords => Envelope(List(Record));

    /// <summary>The same of a record that was handed in, which answers no data.</summary>
    public static OpenApiSchema Received => Envelope(null);

    public static OpenApiSchema List(OpenApiSchema of) => new() { Type = JsonSchemaType.Array, Items = of };

    private static OpenApiSchema Interval => Object(("id", Count),
        ("intervalPeriod", Object(("start", Time), ("duration", Text))), ("payloads", List(Payload)));

    private static OpenApiSchema Payload => Object(("type", Text), ("values", List(Value)));

    /// <summary>Of events in kW, of reports as it was known; what has no unit has none.</summary>
    private static OpenApiSchema Descriptor => Optional(["readingType", "units"], ("objectType", Text),
        ("payloadType", Text), ("readingType", Text), ("units", Text));

    private static OpenApiSchema Record => new() { Type = JsonSchemaType.Object, Description = "a CDR object of OCPI" };

    private static OpenApiSchema Envelope(OpenApiSchema? data) => data is null
        ? Object(("status_code", Count), ("status_message", Text), ("timestamp", Time))
        : Object(("data", data), ("status_code", Count), ("status_message", Text), ("timestamp", Time));

    private static OpenApiSchema Is(string value) => AnswerSchemas.OneOf([value]);

    private static OpenApiSchema Object(params (string Name, OpenApiSchema Is)[] members) => Optional([], members);

    private static OpenApiSchema Optional(string[] optional, params (string Name, OpenApiSchema Is)[] members) => new()
    {
        Type = JsonSchemaType.Object,
        Properties = members.ToDictionary(
            member => member.Name, IOpenApiSchema (member) => member.Is, StringComparer.Ordinal),
        Required = members.Select(member => member.Name).Except(optional).ToHashSet(StringComparer.Ordinal),
        AdditionalPropertiesAllowed = false,
    };
}
