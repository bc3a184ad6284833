using System.Reflection;
using Ledger.Projections;

namespace Ledger.Tests;

/// <summary>Views that count how often they are asked anything.</summary>
public class CountedQuestions : DispatchProxy
{
    private IViewStore views = null!;

    public int Asked { get; private set; }

    public static (IViewStore Views, CountedQuestions Counted) Of(IViewStore views)
    {
        var asked = Create<IViewStore, CountedQuestions>();
        var counted = (CountedQuestions)(object)asked;
        counted.views = views;
        return (asked, counted);
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        Asked++;
        return targetMethod!.Invoke(views, args);
    }
}
