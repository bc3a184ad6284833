using Ledger.Domain;

namespace Ledger.Api;

/// <summary>A read finds that there is no answer to what is asked, by a rule; nothing was asked of the ledger, so
/// nothing is kept of it.</summary>
internal sealed class ProblemException(int status, Rejection code, string detail) : Exception(detail)
{
    public int Status => status;

    public Rejection Code => code;
}
