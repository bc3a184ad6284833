namespace Ledger.Domain;

/// <summary>
/// What every correction keeps: it names the version that it supersedes, which must be recorded, and the latest.
/// </summary>
internal static class CorrectionVersions
{
    /// <summary>Why this version can not come next, in order of the codes; null where it can.</summary>
    /// <param name="version">The version that the correction makes; the reading itself is version 1.</param>
    /// <param name="recorded">How many versions there are.</param>
    /// <param name="what">What would be corrected, for the sentence.</param>
    public static Decision.Rejected? Misplaced(int version, int recorded, string what)
    {
        if (version < 2 || version > recorded + 1)
            return new(Rejection.UnknownVersion, recorded == 0
                ? $"no reading of this {what} is recorded, so there is none to correct"
                : $"version {version - 1} is not recorded; the latest is {recorded}");
        return version <= recorded
            ? new(Rejection.AlreadySuperseded, $"version {version - 1} was superseded before; the latest is {recorded}")
            : null;
    }
}
