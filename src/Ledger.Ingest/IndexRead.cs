using System.Numerics;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// An index as it was read, in kWh: how many steps of its register that is, only the installed register says.
/// <paramref name="Shown"/> is the number as it was written, with its unit.
/// </summary>
/// <param name="MeterSerial">The meter that says it by itself; null where it is whichever was there.</param>
internal sealed record IndexRead(
    RegisterId Register, Instant ReadAt, ExactNumber Kwh, string Shown, ReadingQuality Quality,
    string? MeterSerial = null)
{
    /// <summary>The index in whole steps; one that the register could not show is refused, never rounded.</summary>
    public Refusal? InSteps(RegisterInForce? meter, out RegisterReadingInput? reading)
    {
        reading = null;
        if (meter is not { Installed: var installed })
            return Refusal.Of(Rejection.UnknownRegister, $"register {Register} is not installed");
        // Steps of another meter would be another index.
        if (MeterSerial is { } serial && serial != installed.MeterSerial)
        {
            var refused = Domain.Register.OfAnotherMeter(serial, meter, ReadAt);
            return Refusal.Of(refused.Code, refused.Detail);
        }
        var steps = Kwh.InUnits(installed.Decimals, out var finer);
        if (BigInteger.Abs(steps) > long.MaxValue)
            return Refusal.Of(Rejection.TooManyDigits,
                $"kwh {IntakeText.Quote(Shown)} has more than {installed.Digits} digits");
        if (finer)
            return Refusal.Of(Rejection.OutOfRange,
                $"kwh {IntakeText.Quote(Shown)} is finer than register {Register} shows, {installed.Decimals} decimals "
                + $"of a kWh");
        reading = new RegisterReadingInput(Register, ReadAt, (long)steps, Quality, null, MeterSerial);
        return null;
    }
}
