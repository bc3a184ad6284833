using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api;

/// <summary>
/// Knows which registers meters count, from the view of master data. The view is first brought up to the journal: a
/// meter may have been installed by the line before its reading.
/// </summary>
internal sealed class RegisterDirectory(OpenLedger ledger)
{
    private sealed record Known(long Length, InstalledMeters Meters);

    private volatile Known known = new(-1, InstalledMeters.None);

    public async ValueTask<InstalledMeters> MetersAsync(CancellationToken ct)
    {
        var length = ledger.Journal.Length;
        if (known.Length < length)
        {
            await ledger.CatchUpAsync(ct).ConfigureAwait(false);
            known = new Known(length, Read(new Answers(ledger.Views)));
        }
        return known.Meters;
    }

    internal static InstalledMeters Read(Answers answers) => InstalledMeters.Of(answers.Registers().Select(row =>
        new RegisterInForce(row.ValidFrom, new RegisterInstalled(RegisterId.Parse(row.Register), row.MeterSerial,
            row.Digits, row.Decimals, row.Factor, row.ModulusSteps))));
}
