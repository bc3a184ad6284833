using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>
/// The run that a request names, of those that are reached.
/// </summary>
internal static class NamedRuns
{
    /// <summary>What is said of the parameters that tell runs of one name apart.</summary>
    public const string Account = "account? (whose run it is, where several that are reached have the name)",
        Day = "day? (its day, where an account has several of the name)";

    /// <summary>The run that a parameter names; null where none is reached.</summary>
    public static TimeOfUseSettlement.RunRow? Find(
        IReadOnlyList<TimeOfUseSettlement.RunRow> runs, HttpRequest request, string parameter)
    {
        var named = NameOf(request, parameter);
        var account = Asking.Optional<PartyId>(
            request, "account", PartyId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
        var day = Asking.Optional<NodaTime.LocalDate>(
            request, "day", Asking.TryDay, Rejection.InvalidTime, Asking.DayRule);
        var found = new RunName(named.Value, account, day).Among(runs);
        return found.Count < 2 ? found.FirstOrDefault()
            : throw new QueryRefusedException(
                Rejection.MissingField, $"{parameter} is '{named}', and {RunName.Several(found)}");
    }

    /// <summary>The name in a parameter.</summary>
    public static RunId NameOf(HttpRequest request, string parameter) => Asking.Required<RunId>(
        request, parameter, RunId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
}
