using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Api.Access;
using Ledger.Api.Resources;
using Ledger.Api.Tables;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;

namespace Ledger.Api;

/// <summary>
/// What the document says of one operation beside what its handler shows: the parameters of its address and its
/// headers, the members of its body with an example, and who may call it. All of it is what the operation itself
/// declares, so that a client made from the document can ask all that may be asked.
/// </summary>
internal static class OperationDocument
{
    /// <summary>How the document names an access key.</summary>
    public const string KeyScheme = "accessKey";

    /// <summary>Parameters that are whole numbers; everything else is text with a rule of its own.</summary>
    private static readonly HashSet<string> Counts =
        new(["limit", "skip", "offset", "points", "line"], StringComparer.Ordinal);

    public static void Complete(OpenApiOperation operation, IList<object> said,
        Microsoft.OpenApi.OpenApiDocument? document, AnswerSchemas schemas)
    {
        foreach (var parameter in said.OfType<RequestParameters>().SelectMany(each => each.All))
            (operation.Parameters ??= []).Add(new OpenApiParameter
            {
                Name = parameter.Name,
                In = parameter.IsHeader ? ParameterLocation.Header : ParameterLocation.Query,
                Required = parameter.IsRequired,
                Description = parameter.Does.Length > 0 ? parameter.Does : null,
                Schema = parameter is { IsHeader: false, Name: "format" } ? AnswerSchemas.OneOf(
                    TableForm.All.Select(form => form.Name)) : new OpenApiSchema
                {
                    Type = !parameter.IsHeader && Counts.Contains(parameter.Name)
                        ? JsonSchemaType.Integer : JsonSchemaType.String,
                },
            });
        if (said.OfType<RequestBodyText>().LastOrDefault() is { } body
            && operation.RequestBody is OpenApiRequestBody { Content: { } content })
            foreach (var media in content.Values)
            {
                if (body.Members is { } members) media.Schema = SchemaOf(members);
                if (body.Example is { } example) media.Example = JsonNode.Parse(example);
            }
        Answers(operation, said, schemas);
        var need = said.OfType<Need>().LastOrDefault();
        if (need is { IsPublic: true }) return;
        // OpenAPI 3.1, security requirement: of a scheme that is no OAuth2 the names are the roles that are needed.
        var scope = said.OfType<NeededScope>().LastOrDefault()?.Scope ?? need?.Scope;
        operation.Security =
        [
            new OpenApiSecurityRequirement
            {
                [new OpenApiSecuritySchemeReference(KeyScheme, document)] = scope is { Length: > 0 } ? [scope] : [],
            },
        ];
    }

    /// <summary>What each answer is, in which forms it is given, and its headers.</summary>
    private static void Answers(OpenApiOperation operation, IList<object> said, AnswerSchemas schemas)
    {
        if (operation.Responses is not { } responses) return;
        var parameters = said.OfType<RequestParameters>().SelectMany(each => each.All).ToList();
        foreach (var (status, answer) in responses)
        {
            if (answer is not OpenApiResponse response) continue;
            foreach (var (_, media) in said.OfType<AnswerForm>().Where(form => form.Status.ToString(Numbers) == status))
                (response.Content ??= new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal))[media] = new()
                {
                    Schema = media switch
                    {
                        Json => SchemaOf(operation, status, said, schemas),
                        "application/problem+json" => schemas.Of(typeof(ProblemAnswer)),
                        "text/event-stream" => EventsOf(said.OfType<EventData>().Last(), schemas),
                        "application/zip" or "application/octet-stream" => null,
                        _ => new OpenApiSchema { Type = JsonSchemaType.String },
                    },
                };
            if (status is "429" or "503") Has(response, HeaderNames.RetryAfter, "after how many seconds to ask again");
            if (status is "401") Has(response, HeaderNames.WWWAuthenticate, "how one says who one is (RFC 9110)");
            if (status[0] == '2' && parameters.Contains(Parameters.IdempotencyKey)) OfAttempt(response, said);
            foreach (var header in said.OfType<AnswerHeader>())
                if (header.Status.ToString(Numbers) == status) Has(response, header.Name, header.Does);
            if (status is "200" or "304") OfRead(response, status, parameters, said);
        }
    }

    private const string Json = "application/json";
    private static readonly CultureInfo Numbers = CultureInfo.InvariantCulture;

    /// <summary>What an answer in JSON is. One that nobody has said it of is a fault of whoever made the operation.
    /// </summary>
    private static IOpenApiSchema SchemaOf(
        OpenApiOperation operation, string status, IList<object> said, AnswerSchemas schemas)
    {
        if (said.OfType<ForeignAnswer>().LastOrDefault() is { } foreign) return foreign.Schema;
        var types = said.OfType<AnswerType>().ToList();
        var own = types.FindAll(type => type.Status?.ToString(Numbers) == status);
        if (own.Count == 0) own = types.FindAll(type => type.Status is null);
        if (own.Count == 0)
            throw new InvalidOperationException($"nobody says what {operation.OperationId} answers in JSON ({status})");
        var any = AnswerSchemas.AnyOf([.. own.Select(type => schemas.Of(type.Type))]);
        if (status == "200" && said.OfType<ReadOperation>().Any(read => read.Table is not null))
            foreach (var type in own) schemas.HasPages(type.Type);
        return any;
    }

    /// <summary>A stream of events has no schema in JSON Schema, and what their data is has one.</summary>
    private static OpenApiSchema EventsOf(EventData told, AnswerSchemas schemas) => new()
    {
        Type = JsonSchemaType.String,
        Description = "Events; the data of each is one of those of x-event-data.",
        Extensions = new Dictionary<string, IOpenApiExtension>(StringComparer.Ordinal)
        {
            ["x-event-data"] = new JsonNodeExtension(new JsonObject
            {
                ["anyOf"] = new JsonArray([.. told.Facts.Select(fact => (JsonNode)new JsonObject
                {
                    ["$ref"] = "#/components/schemas/" + ((OpenApiSchemaReference)schemas.Facts.Of(fact)).Reference.Id,
                })]),
            }),
        },
    };

    /// <summary>The headers of what was recorded, or ordered.</summary>
    private static void OfAttempt(OpenApiResponse response, IList<object> said)
    {
        Has(response, IdempotentRequests.HitHeader, "true where it is the stored answer of an attempt before");
        if (said.OfType<NeededScope>().Any() || said.OfType<TakenFile>().Any())
            Has(response, Answering.PositionHeader, "the position of the fact, where it is of one");
    }

    /// <summary>The forms of a table, and the headers of a read.</summary>
    private static void OfRead(
        OpenApiResponse response, string status, List<RequestParameter> parameters, IList<object> said)
    {
        if (parameters.Contains(Parameters.IfNoneMatch)) Has(response, HeaderNames.ETag, "the tag of these bytes");
        if (parameters.Exists(parameter => parameter.Name == "asOf"))
            Has(response, Answering.PositionHeader, "the position of the last event that is in the answer");
        if (said.OfType<ReadOperation>().LastOrDefault() is not { Table: not null } || status != "200") return;
        response.Content ??= new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal);
        foreach (var form in TableForm.All)
            response.Content.TryAdd(form.Media.Split(';')[0], form.IsMadeWhole ? new()
                : new() { Schema = new OpenApiSchema { Type = JsonSchemaType.String } });
        Has(response, Representation.CheckpointHeader, "of a file: the log's latest signed checkpoint, as base64");
        Has(response, HeaderNames.ContentDisposition, "of a file: its name");
        Has(response, HeaderNames.Link, "of a page that is not the last one: where the next one is (RFC 8288)");
    }

    private static void Has(OpenApiResponse response, string header, string does) =>
        (response.Headers ??= new Dictionary<string, IOpenApiHeader>(StringComparer.Ordinal)).TryAdd(header,
            new OpenApiHeader { Description = does, Schema = new OpenApiSchema { Type = JsonSchemaType.String } });

    /// <summary>How one says who one is.</summary>
    public static OpenApiSecurityScheme Scheme => new()
    {
        Type = SecuritySchemeType.Http,
        Scheme = "bearer",
        Description = "An access key, or a token of the identity provider that the server takes. The names beside it are "
            + "scopes; which role holds which is in docs/access.md. A station may come with a certificate instead, and a "
            + "browser with the key as the password. A server on a loopback address may need none.",
    };

    private static OpenApiSchema SchemaOf(string text)
    {
        var members = RequestMembers.Of(text);
        return new()
        {
            Type = JsonSchemaType.Object,
            Properties = members.ToDictionary(member => member.Name, IOpenApiSchema (member) => new OpenApiSchema
            {
                // A number may be a JSON number or a decimal string, so a member that is no choice has no type.
                Type = member.IsList ? JsonSchemaType.Array : member.IsObject ? JsonSchemaType.Object
                    : member.Choices is null ? null : JsonSchemaType.String,
                Description = member.Does,
                Enum = member.Choices?.Select(choice => (JsonNode)JsonValue.Create(choice)).ToList(),
            }),
            Required = members.Where(member => member.IsRequired).Select(member => member.Name)
                .ToHashSet(StringComparer.Ordinal),
            AdditionalPropertiesAllowed = false,
        };
    }
}
