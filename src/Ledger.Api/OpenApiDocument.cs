using System.Security.Cryptography;
using Ledger.Api.Access;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Ledger.Api;

/// <summary>The OpenAPI document at /openapi/v1.json; it is made from the resources themselves.</summary>
internal static class OpenApiDocument
{
    private const string Name = "v1", Path = "/openapi/v1.json";

    public static IServiceCollection AddLedgerOpenApi(this IServiceCollection services) =>
        services.AddOpenApi(Name, options => options.AddSchemaTransformer((schema, context, _) =>
        {
            // Positions are strings in JSON: not every reader of JSON keeps 64 bits.
            if (context.JsonTypeInfo.Type == typeof(long) || context.JsonTypeInfo.Type == typeof(long?))
                (schema.Type, schema.Format, schema.Pattern) = (JsonSchemaType.String, null, "^[0-9]+$");
            return Task.CompletedTask;
        }).AddOperationTransformer((operation, context, _) =>
        {
            OperationDocument.Complete(
                operation, context.Description.ActionDescriptor.EndpointMetadata, context.Document);
            return Task.CompletedTask;
        }).AddDocumentTransformer((document, _, _) =>
        {
            (document.Components ??= new()).SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>(
                StringComparer.Ordinal)
            { [OperationDocument.KeyScheme] = OperationDocument.Scheme };
            document.Info.Title = "Ledger";
            document.Info.Version = "v1";
            document.Info.Description =
                "Facts in, facts kept. A fact is answered 201 recorded, 200 already recorded, 202 quarantined, 409 in "
                + "conflict with "
                + "earlier evidence, 422 refused by a named rule, 429 busy. Every answer is given after it is durable. "
                + "Decimals and integers beyond 32 bits are strings; energies are whole half nanojoules beside their "
                + "kWh. "
                + "Every read takes asOf, a position of the journal, and states in Ledger-Position what it is known as "
                + "of.";
            return Task.CompletedTask;
        }));

    /// <summary>
    /// Gives the document to anybody. It is made once, of the resources and of nothing that a caller says, so it names
    /// no server.
    /// </summary>
    public static void MapLedgerOpenApi(this WebApplication app)
    {
        var made = new Lazy<Task<(byte[] Bytes, string Tag)>>(() => MakeAsync(app.Services));
        app.MapGet(Path, async (HttpContext context) =>
        {
            var (bytes, tag) = await made.Value.ConfigureAwait(false);
            context.Response.Headers.CacheControl = "public, no-cache";
            await Representation.SendAsync(context, tag, "application/json; charset=utf-8", bytes, default)
                .ConfigureAwait(false);
        }).ForAnybody().RequireRateLimiting(Protection.ReadRequests).ExcludeFromDescription();
    }

    private static async Task<(byte[] Bytes, string Tag)> MakeAsync(IServiceProvider services)
    {
        var document = await services.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name)
            .GetOpenApiDocumentAsync(CancellationToken.None).ConfigureAwait(false);
        using var text = new MemoryStream();
        await document.SerializeAsJsonAsync(text, OpenApiSpecVersion.OpenApi3_1, CancellationToken.None)
            .ConfigureAwait(false);
        var bytes = text.ToArray();
        return (bytes, Representation.TagOf(SHA256.HashData(bytes)));
    }
}
