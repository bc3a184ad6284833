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
        var found = NameIn(request, parameter).Among(runs);
        return found.Count < 2 ? found.FirstOrDefault() : throw Several(request, parameter, found);
    }

    /// <summary>The run, or the correction that was booked on one, that a parameter names; null where none is reached.
    /// </summary>
    public static NamedRun? FindNamed(Answers answers, HttpRequest request, string parameter)
    {
        var found = NameIn(request, parameter).Among(answers.Runs(), answers.Deltas());
        return found.Count < 2 ? found.FirstOrDefault()
            : throw Several(request, parameter, found.Select(each => each.Run));
    }

    private static RunName NameIn(HttpRequest request, string parameter)
    {
        var named = NameOf(request, parameter);
        var account = Asking.Optional<PartyId>(
            request, "account", PartyId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
        var day = Asking.Optional<NodaTime.LocalDate>(
            request, "day", Asking.TryDay, Rejection.InvalidTime, Asking.DayRule);
        return new RunName(named.Value, account, day);
    }

    private static QueryRefusedException Several(
        HttpRequest request, string parameter, IEnumerable<TimeOfUseSettlement.RunRow> found) =>
        new(Rejection.MissingField, $"{parameter} is '{NameOf(request, parameter)}', and {RunName.Several(found)}");

    /// <summary>The name in a parameter.</summary>
    public static RunId NameOf(HttpRequest request, string parameter) => Asking.Required<RunId>(
        request, parameter, RunId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
}
