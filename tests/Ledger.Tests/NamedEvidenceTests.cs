using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A fact that names evidence says so to whoever verifies the ledger: no kind of fact is forgotten.</summary>
public sealed class NamedEvidenceTests
{
    [Fact]
    public void Every_fact_with_evidence_names_it()
    {
        var named = new EvidenceDigest(new string('a', 64));
        foreach (var type in typeof(LedgerEvent).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(LedgerEvent))))
        {
            if (type.GetProperty("Evidence") is not { } evidence) continue;
            var fact = (LedgerEvent)System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type);
            evidence.SetValue(fact, evidence.PropertyType == typeof(IReadOnlyList<EvidenceDigest>)
                ? (EvidenceDigest[])[named] : named);
            NamedEvidence.AllOf(fact).ShouldHaveSingleItem(type.Name).ShouldBe(named);
        }
    }
}
