using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api;

/// <summary>
/// Finds the register that a meter counts by the meter's serial number, from the view of master data. The view is
/// first brought up to the journal: a meter may have been installed by the line before its reading.
/// </summary>
internal sealed class RegisterDirectory(OpenLedger ledger)
{
    private sealed record Known(long Length,
        IReadOnlyDictionary<(string Serial, Direction Direction), RegisterId> Registers);

    private volatile Known known = new(-1, new Dictionary<(string, Direction), RegisterId>());

    public async ValueTask<RegisterId?> FindAsync(string meterSerial, Direction direction, CancellationToken ct)
    {
        var length = ledger.Journal.Length;
        if (known.Length < length)
        {
            await ledger.CatchUpAsync(ct).ConfigureAwait(false);
            known = new Known(length, Read(new Answers(ledger.Views)));
        }
        return known.Registers.TryGetValue((meterSerial, direction), out var register) ? register : null;
    }

    /// <summary>A meter that was moved counts where it was installed last.</summary>
    internal static Dictionary<(string, Direction), RegisterId> Read(Answers answers)
    {
        var registers = new Dictionary<(string, Direction), RegisterId>();
        foreach (var row in answers.Registers().OrderBy(row => row.ValidFrom))
        {
            var register = RegisterId.Parse(row.Register);
            registers[(row.MeterSerial, register.Direction)] = register;
        }
        return registers;
    }
}
