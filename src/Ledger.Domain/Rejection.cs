namespace Ledger.Domain;

/// <summary>
/// Why evidence was refused. Numbers are fixed for ever; within a family they stand in order of precedence, and only
/// the first that applies is answered. The same names appear in problem details, documents and scenario tables.
/// <see cref="RegisterDecreased"/> and <see cref="NotConform"/> are answered by no rule any more: a decrease is a
/// <see cref="ChangeOfBasis"/>, and a signed value that deviates from its format is told so beside its outcome.
/// </summary>
public enum Rejection
{
    // 1xx: the bytes
    TooLarge = 101, NotUtf8 = 102, ForbiddenCharacter = 103, Malformed = 104, Truncated = 105, UnknownFormat = 106,
    UnknownField = 107, MissingField = 108, NotANumber = 109, NumberTooLong = 110, OutOfRange = 111, UnknownUnit = 112,
    InvalidIdentifier = 113, InvalidTime = 114, EmptyInput = 115,
    // 2xx: identity
    EvidenceConflict = 201, UnknownSettlementPoint = 202, UnknownRegister = 203, UnknownInstruction = 204,
    UnknownTariff = 205, NotAuthorised = 206, AlreadyRegistered = 207, UnknownZone = 208, UnknownRun = 209,
    NamedTwice = 210, BehindItself = 211, NotTheMetersKey = 212, UnknownRulePack = 213, UnknownDispute = 214,
    UnknownAccessKey = 215, NotReached = 216,
    // 3xx: time
    ReadInTheFuture = 301, ReadBeforeLastReading = 302, PeriodMisaligned = 303, PeriodsOverlap = 304,
    DayNotWholePeriods = 305, IntervalEmpty = 306,
    // 4xx: registers and energy
    NegativeEnergy = 401, TooManyDigits = 402, RegisterDecreased = 403, ChangeOfBasis = 404, PowerAboveLimit = 405,
    PeriodIncomplete = 406, WrongCount = 407, EstimateTooLong = 408, NothingToEstimateFrom = 409,
    RegisterContradicted = 410, UnknownVersion = 411, AlreadySuperseded = 412, BeginIsZero = 413,
    NoWeight = 430,
    LimitFormUnclear = 435, LimitStepsOutOfOrder = 436,
    // 5xx: signatures
    NoKey = 501, SignatureInvalid = 502, UnknownAlgorithm = 503, NotConform = 504, NotPlausible = 505,
    // 6xx: dispatch
    InstructionWithdrawn = 601, InstructionInThePast = 602, ClockOutOfOrder = 603, NoQuantity = 604,
    UnknownProgramme = 605, NotEnrolled = 606, EnrolmentsOverlap = 607, AbovePrequalified = 608, DeclaredTooLate = 609,
    AlreadyClaimed = 610, ActivationBelowLeast = 611, NotAsOffered = 612,
    NoVehicleConnected = 613,
    // 7xx: money
    PriceMissing = 701, TariffIncomplete = 702, RunExists = 703, PostingsUnbalanced = 704,
    RulePackVersionSkipped = 705, RulePackFamilyUnclear = 706, RulePackIncoherent = 707,
    UnknownChargeRecord = 708, CreditDiffers = 709, AlreadyCredited = 710, CurrencyDiffers = 711,
    SellerDiffers = 712,
    SamePerson = 720, RunSuperseded = 721, RunNotReproduced = 722, MonthClosed = 723, MonthNotOver = 724,
    NotAllPublished = 725, UnknownLine = 726, DisputeIsClosed = 727, RunIsCredited = 728, NothingToCorrect = 729,
    RunKindIsPast = 730,
    // 8xx: persons
    UnknownSubject = 801, LegalHold = 802, UnknownHold = 803, EvidenceErased = 804,
    UnknownEvidence = 805, NotReleased = 806,
    // 9xx: retention
    MonthNotEnded = 901, ArchiveNotVerified = 902, ArchiveDoesNotMatch = 903, NotSettled = 904, EvidencePruned = 905,
    SamplesGivenUp = 906, FramesNotWhole = 907, SegmentNotSealed = 908, RecordNotFinal = 909, DisputeOpen = 910,
}
