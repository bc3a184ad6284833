namespace Ledger.Api.Streaming;

/// <summary>How many senders may be connected at once, in all and of one party.</summary>
internal sealed class CallQuota(int callsMax, int callsPerPartyMax)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, int> byParty = new(StringComparer.Ordinal);
    private int all;

    /// <summary>A place, which is free again when it is disposed; null, with the reason, where there is none.</summary>
    public IDisposable? Take(string party, out string whyNot)
    {
        lock (gate)
        {
            var its = byParty.GetValueOrDefault(party);
            whyNot = all >= callsMax ? $"{all} senders are connected, as many as may be"
                : its >= callsPerPartyMax ? $"{its} senders of {party} are connected, as many as may be" : "";
            if (whyNot.Length > 0) return null;
            (all, byParty[party]) = (all + 1, its + 1);
            return new Place(this, party);
        }
    }

    private void Leave(string party)
    {
        lock (gate)
        {
            all--;
            if (--byParty[party] == 0) byParty.Remove(party);
        }
    }

    private sealed class Place(CallQuota quota, string party) : IDisposable
    {
        private int left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref left, 1) == 0) quota.Leave(party);
        }
    }
}
