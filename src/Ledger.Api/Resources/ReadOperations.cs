using Ledger.Api.Access;
using Ledger.Journal.Pipeline;

namespace Ledger.Api.Resources;

/// <summary>A read: the scope that it needs, and the member of its answer that is a table; null where it has
/// none.</summary>
internal sealed record ReadOperation(string Name, string Scope, string? Table = null)
{
    /// <summary>In place of a scope: it is for everybody who is known.</summary>
    public const string Known = "";
}

/// <summary>
/// What each read needs and which of its members is a table, in one place. A read that is not in it is closed where
/// access is asked for.
/// </summary>
internal static class ReadOperations
{
    private static readonly Dictionary<string, ReadOperation> ByName = new ReadOperation[]
    {
        new("settlement-points", Scopes.PointsRead, "points"),
        new("registers", Scopes.PointsRead, "registers"),
        new("register-readings", Scopes.PointsRead, "readings"),
        new("meters", Scopes.PointsRead, "keys"),
        new("station-tree", Scopes.PointsRead, "places"),
        new("exports", Scopes.PointsRead, "points"),
        new("balances", Scopes.PointsRead, "periods"),
        new("interval-records", Scopes.PointsRead, "records"),
        new("curve", Scopes.PointsRead, "samples"),
        new("credible-windows", Scopes.DispatchRead, "windows"),
        new("station-reports", Scopes.DispatchRead),
        new("projections", Scopes.AccessRead, "projections"),
        new("standing-limits", Scopes.PointsRead, "limits"),
        new("limit-compliance", Scopes.PointsRead, "limits"),
        new("declared-schedules", Scopes.PointsRead, "schedules"),
        new("session-requests", Scopes.PointsRead, "sessions"),
        new("outages", Scopes.PointsRead, "outages"),
        new("peaks", Scopes.PointsRead),
        new("rule-packs", Scopes.DispatchRead, "rulePacks"),
        new("programmes", Scopes.DispatchRead, "programmes"),
        new("enrolments", Scopes.DispatchRead, "enrolments"),
        new("delivery-claims", Scopes.DispatchRead, "claims"),
        new("eligibilities", Scopes.DispatchRead),
        new("instructions", Scopes.DispatchRead, "instructions"),
        new("instruction-events", Scopes.DispatchRead),
        new("compliance", Scopes.DispatchRead, "targets"),
        new("frozen-baselines", Scopes.DispatchRead),
        new("deliveries", Scopes.DispatchRead, "periods"),
        new("call-responses", Scopes.DispatchRead, "targets"),
        new("tariffs", Scopes.TariffsRead, "tariffs"),
        new("tariff-terms", Scopes.TariffsRead),
        new("rule-pack-terms", Scopes.DispatchRead),
        new("settlement-runs", Scopes.SettlementRead, "runs"),
        new("settlement-preview", Scopes.SettlementRun, "lines"),
        new("statement-lines", Scopes.SettlementRead, "lines"),
        new("statement-rows", Scopes.SettlementRead, "rows"),
        new("statement-entries", Scopes.SettlementRead, "entries"),
        new("run-publications", Scopes.SettlementRead, "publications"),
        new("run-deltas", Scopes.SettlementRead, "deltas"),
        new("month-closes", Scopes.SettlementRead, "months"),
        new("disputes", Scopes.SettlementRead, "disputes"),
        new("explanations", Scopes.SettlementRead),
        new("fact-uses", Scopes.SettlementRead),
        new("inclusion-proofs", Scopes.SettlementRead),
        new("run-differences", Scopes.SettlementRead, "lines"),
        new("refusals", Scopes.RefusalsRead, "refusals"),
        new("refusal", Scopes.RefusalsRead),
        new("openadr-programs", Scopes.DispatchRead),
        new("openadr-program", Scopes.DispatchRead),
        new("openadr-events", Scopes.DispatchRead),
        new("openadr-event-read", Scopes.DispatchRead),
        new("openadr-reports", Scopes.DispatchRead),
        new("green-button", Scopes.PointsRead),
        new("flex-settlement", Scopes.SettlementRead),
        new("ocpi-cdrs", Scopes.TariffsRead),
        new("ocpi-cdr", Scopes.TariffsRead),
        new("access-keys", Scopes.AccessRead, "keys"),
        new("data-reads", Scopes.AccessRead, "reads"),
        new("webhooks", Scopes.WebhooksWrite, "webhooks"),
        new("webhook-deliveries", Scopes.WebhooksWrite, "deliveries"),
        new("jobs", ReadOperation.Known, "jobs"),
        new("job-state", ReadOperation.Known),
        new("job-result", ReadOperation.Known),
    }.ToDictionary(operation => operation.Name, StringComparer.Ordinal);

    public static RouteHandlerBuilder AsRead(this RouteHandlerBuilder route, string name)
    {
        if (!ByName.TryGetValue(name, out var operation)) return route;
        if (operation.Scope == ReadOperation.Known) route.NeedingToBeKnown();
        else route.Needing(operation.Scope);
        return operation.Table is null ? route : route.WithMetadata(operation);
    }

    /// <summary>The parameters of a table, for the document.</summary>
    public static IReadOnlyList<string> ParametersOf(string name) => ByName.GetValueOrDefault(name)?.Table is { } table
        ? [$"limit? (rows of '{table}' in a page)", "cursor? ('next' of the page before)", $"format? (json; {Forms}: '{table}' alone)"]
        : [];

    /// <summary>The same of a read of now, which has no further pages.</summary>
    public static IReadOnlyList<string> ParametersOfNow(string name) =>
        ByName.GetValueOrDefault(name)?.Table is { } table
        ? [$"limit? (the first so many of '{table}')", $"format? (json; {Forms}: '{table}' alone)"] : [];

    private const string Forms = "csv, ndjson, xlsx or parquet";
}
