using Ledger.Tests;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace Ledger.Tests;

/// <summary>
/// Collections that take long are begun first, so that at the end none of them goes on by itself while the other cores
/// have nothing to do. The rest follows in an order that is another one each time.
/// </summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    /// <summary>What takes more than some ten seconds of a core, the longest first.</summary>
    private static readonly string[] Long =
    [
        OnPostgres.Name,
        .. new[]
        {
            typeof(DemoTests), typeof(KillTests), typeof(ChargeLawTests), typeof(KnownAtLawTests),
            typeof(StorageErrorTests), typeof(StatementLawTests), typeof(VerificationTests),
            typeof(CurveAccumulatorTests), typeof(ConnectorHostLawTests), typeof(BundleTests), typeof(StreamHttpTests),
            typeof(OneWayTests), typeof(AgreedCallTests), typeof(FlexibilityStatementTests), typeof(JournalIndexTests),
            typeof(ExplanationLawTests), typeof(StatementChargeTests), typeof(StreamKillTests), typeof(RealInputTests),
            typeof(AnswerSchemaTests), typeof(BillLawTests), typeof(CorrectionLawTests), typeof(DeltaLawTests),
        }.Select(type => $"Test collection for {type.FullName} "),
    ];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(
        IReadOnlyCollection<TTestCollection> testCollections) where TTestCollection : ITestCollection =>
        [.. DefaultTestCollectionOrderer.Instance.OrderTestCollections(testCollections).OrderBy(one => PlaceOf(one))];

    private static int PlaceOf(ITestCollection collection) =>
        Array.FindIndex(Long, name => collection.TestCollectionDisplayName.StartsWith(name, StringComparison.Ordinal))
            is >= 0 and var place ? place : Long.Length;
}
