using Microsoft.OpenApi;

namespace Ledger.Api;

/// <summary>The OpenAPI document at /openapi/v1.json; it is made from the resources themselves.</summary>
internal static class OpenApiDocument
{
    public static IServiceCollection AddLedgerOpenApi(this IServiceCollection services) =>
        services.AddOpenApi("v1", options => options.AddSchemaTransformer((schema, context, _) =>
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
}
