using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Projections;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Ledger.Api;

/// <summary>
/// The OpenAPI document. It is made from the resources themselves, by the program that was built and when it is built;
/// a server gives those bytes at /openapi/v1.json and makes nothing.
/// </summary>
internal static class OpenApiDocument
{
    private const string Name = "v1", Path = "/openapi/v1.json", Resource = "openapi.json";

    private static readonly JsonSerializerOptions ForPeople =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly Lazy<(byte[] Bytes, string Tag)> built = new(Built);

    public static IServiceCollection AddLedgerOpenApi(this IServiceCollection services) =>
        services.AddOpenApi(Name, options =>
        {
            AnswerSchemas? schemas = null;
            options.AddOperationTransformer((operation, context, _) =>
            {
                schemas ??= new(context.Document!, RowJson.TypeOf);
                OperationDocument.Complete(
                    operation, context.Description.ActionDescriptor.EndpointMetadata, context.Document, schemas);
                return Task.CompletedTask;
            }).AddDocumentTransformer((document, _, _) =>
            {
                Complete(document);
                schemas = null; // they are of this document alone
                return Task.CompletedTask;
            });
        });

    private static void Complete(Microsoft.OpenApi.OpenApiDocument document)
    {
        var components = document.Components ??= new();
        components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(StringComparer.Ordinal)
        { [OperationDocument.KeyScheme] = OperationDocument.Scheme };
        // A program may ask for a problem by its name, so all of them are said.
        ((OpenApiSchema)components.Schemas![nameof(ProblemAnswer)]).Properties!["name"] = AnswerSchemas.OneOf(
            Enum.GetNames<Rejection>().Concat(Enum.GetNames<ProblemName>()));
        document.Info.Title = "Ledger";
        document.Info.Version = "v1";
        document.Info.Description =
            "Facts in, facts kept. A fact is answered 201 recorded, 200 already recorded, 202 quarantined, 409 in conflict "
            + "with earlier evidence, 422 refused by a named rule, 429 busy. Every answer is given after it is durable. "
            + "Decimals and integers beyond 32 bits are strings; energies are whole half nanojoules beside their kWh. "
            + "Every read takes asOf, a position of the journal, and states in Ledger-Position what it is known as of.";
    }

    /// <summary>Gives the document to anybody. It names no server, and nothing of it depends on who asks.</summary>
    public static void MapLedgerOpenApi(this WebApplication app)
    {
        var (bytes, tag) = built.Value;
        app.MapGet(Path, (HttpContext context) =>
        {
            context.Response.Headers.CacheControl = "public, no-cache";
            return Representation.SendAsync(context, tag, "application/json; charset=utf-8", bytes, default);
        }).ForAnybody().RequireRateLimiting(Protection.ReadRequests).ExcludeFromDescription();
    }

    /// <summary>The document of this version, which was made when it was built.</summary>
    private static (byte[] Bytes, string Tag) Built()
    {
        using var stream = typeof(OpenApiDocument).Assembly.GetManifestResourceStream(Resource)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return (bytes, Representation.TagOf(SHA256.HashData(bytes)));
    }

    /// <summary>Makes the document of a server's resources.</summary>
    public static async Task<byte[]> MakeAsync(IServiceProvider services, CancellationToken ct)
    {
        var made = await services.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name).GetOpenApiDocumentAsync(ct)
            .ConfigureAwait(false);
        using var text = new MemoryStream();
        await made.SerializeAsJsonAsync(text, OpenApiSpecVersion.OpenApi3_1, ct).ConfigureAwait(false);
        var document = JsonNode.Parse(text.ToArray())!.AsObject();
        document.Remove("servers"); // where this one happens to listen
        return Encoding.UTF8.GetBytes(document.ToJsonString(ForPeople).ReplaceLineEndings("\n") + "\n");
    }
}
