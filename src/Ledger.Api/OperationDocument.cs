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
        Microsoft.OpenApi.OpenApiDocument? document)
    {
        foreach (var parameter in said.OfType<RequestParameters>().SelectMany(each => each.All))
            (operation.Parameters ??= []).Add(new OpenApiParameter
            {
                Name = parameter.Name,
                In = parameter.IsHeader ? ParameterLocation.Header : ParameterLocation.Query,
                Required = parameter.IsRequired,
                Description = parameter.Does.Length > 0 ? parameter.Does : null,
                Schema = new OpenApiSchema
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
        Answers(operation, said);
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

    /// <summary>The forms of a table, and the headers of an answer.</summary>
    private static void Answers(OpenApiOperation operation, IList<object> said)
    {
        if (operation.Responses is not { } responses) return;
        var parameters = said.OfType<RequestParameters>().SelectMany(each => each.All).ToList();
        foreach (var (status, answer) in responses)
        {
            if (answer is not OpenApiResponse response) continue;
            if (status is "429" or "503") Has(response, HeaderNames.RetryAfter, "after how many seconds to ask again");
            if (status != "200" || !parameters.Contains(Parameters.IfNoneMatch)) continue;
            Has(response, HeaderNames.ETag, "the tag of these bytes");
            if (parameters.Exists(parameter => parameter.Name == "asOf"))
                Has(response, Answering.PositionHeader, "the position of the last event that is in the answer");
            if (said.OfType<ReadOperation>().LastOrDefault() is not { Table: not null }) continue;
            response.Content ??= new Dictionary<string, OpenApiMediaType>(StringComparer.Ordinal);
            foreach (var form in TableForm.All) response.Content.TryAdd(form.Media.Split(';')[0], new());
            Has(response, Representation.CheckpointHeader, "of a file: the log's latest signed checkpoint, as base64");
            Has(response, HeaderNames.Link, "of a page that is not the last one: where the next one is (RFC 8288)");
        }
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
