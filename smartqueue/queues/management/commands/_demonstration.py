"""
What the demonstration shows. The places are real (points and communes from OpenStreetMap and ANSD,
see `smartqueue/locations/data/ATTRIBUTION.txt`); hours, prices and papers are made up.
"""

# ruff: noqa: RUF001  # Arabic letters are meant
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import time
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid5

from smartqueue.accounts.enums import Role
from smartqueue.business.enums import Category, DeviceKind
from smartqueue.business.operations import WeekHours
from smartqueue.queues.enums import Policy, PriorityCode

DOMAIN: Final = "demo.smartqueue.test"
PASSWORD: Final = "smartqueue-demo"  # noqa: S105  # public on purpose; production refuses the accounts


_DEVICES: Final = UUID("6f1d3c0a-4b52-4e0e-9d1b-2f6a7c5d8e90")


def device_token(kind: DeviceKind, site: str) -> str:
    """
    Return the token of a site's demonstration device: always the same, and public on purpose.
    Production refuses it.
    """
    name = f"{kind.value} {site}"
    secret = sha256(f"smartqueue-demo {name}".encode()).digest()
    return urlsafe_b64encode(uuid5(_DEVICES, name).bytes + secret).decode()


@dataclass(frozen=True, slots=True)
class Person:
    """An account `<login>@demo.smartqueue.test`."""

    login: str
    first_name: str
    last_name: str
    language: str = "fr"
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A service: its texts by column, minutes, and price in francs."""

    texts: dict[str, str]
    minutes: int
    price: int = 0

    @property
    def name(self) -> str:
        return self.texts["name_fr"]


@dataclass(frozen=True, slots=True)
class Line:
    """A queue; `services` are French names. `lanes` of a vehicle category are counters' names."""

    name: str
    prefix: str
    services: tuple[str, ...]
    policy: Policy
    settings: dict[str, Any] = field(default_factory=dict)
    vehicles: tuple[tuple[str, dict[str, str], int, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Site:
    """A branch."""

    name: str
    lat: float
    lon: float
    commune: str
    address: str
    week: tuple[WeekHours, ...]
    counters: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """An organization; `staff` is login, role and the branches it is limited to."""

    name: str
    category: Category
    texts: dict[str, str]
    offers: tuple[Offer, ...]
    sites: tuple[Site, ...]
    staff: tuple[tuple[str, Role, tuple[str, ...]], ...]
    skills: tuple[tuple[str, str, str], ...] = ()


def _week(days: range, *intervals: tuple[time, time]) -> tuple[WeekHours, ...]:
    return tuple(WeekHours(day, opens, closes) for day in days for opens, closes in intervals)


def _offer(
    fr: str, en: str, ar: str, minutes: int, price: int, papers: tuple[str, str, str] = ("", "", "")
) -> Offer:
    texts = {"name_fr": fr, "name_en": en, "name_ar": ar}
    for language, text in zip(("fr", "en", "ar"), papers, strict=True):
        texts[f"required_papers_{language}"] = text
    return Offer(texts, minutes, price)


def _named(fr: str, en: str, ar: str) -> dict[str, str]:
    return {"name_fr": fr, "name_en": en, "name_ar": ar}


OFFICE_HOURS: Final = _week(range(5), (time(8), time(13)), (time(14, 30), time(17)))
LABORATORY_HOURS: Final = _week(range(6), (time(7), time(15)))
LANE_HOURS: Final = (*_week(range(5), (time(8), time(17))), WeekHours(5, time(8), time(13)))

PRIORITIES: Final[list[dict[str, Any]]] = [
    {
        "code": PriorityCode.ELDERLY.value,
        **_named("Personne âgée", "Elderly person", "شخص مسن"),
        "head_start_minutes": 15,
        "is_declarable": True,
    },
    {
        "code": PriorityCode.PREGNANT.value,
        **_named("Femme enceinte", "Pregnant woman", "امرأة حامل"),
        "head_start_minutes": 15,
        "is_declarable": True,
    },
    {
        "code": PriorityCode.DISABILITY.value,
        **_named("Personne en situation de handicap", "Person with a disability", "شخص ذو إعاقة"),
        "head_start_minutes": 15,
        "is_declarable": True,
    },
    {
        "code": PriorityCode.URGENT.value,
        **_named("Urgence", "Emergency", "حالة مستعجلة"),
        "head_start_minutes": 15,
        "is_emergency": True,
    },
]

PEOPLE: Final = (
    Person("admin", "Administration", "SmartQueue", is_admin=True),
    Person("owner", "Awa", "Ndiaye"),
    Person("manager", "Ibrahima", "Sarr"),
    Person("agent1", "Fatou", "Diop"),
    Person("agent2", "Moussa", "Fall"),
    Person("agent3", "Aminata", "Sow"),
    Person("agent4", "Cheikh", "Gueye"),
    Person("agent5", "Khady", "Faye"),
    Person("agent6", "Ousmane", "Ba"),
    Person("agent7", "Mame", "Diouf"),
    Person("agent8", "Lamine", "Cissé"),
    Person("customer1", "Rokhaya", "Mbaye"),
    Person("customer2", "Abdou", "Sy"),
    Person("customer3", "Grace", "Mensah", "en"),
    Person("customer4", "Mariam", "Kane", "ar"),
    Person("customer5", "Seydou", "Diallo"),
)

_IDENTITY: Final = ("Carte d'identité", "Identity card", "بطاقة الهوية")

TOWN_HALL: Final = Place(
    name="Mairie de Saint-Louis",
    category=Category.TOWN_HALL,
    texts={
        "description_fr": "État civil, certificats et légalisations de la commune de Saint-Louis.",
        "description_en": "Civil registry, certificates and legalisations of Saint-Louis.",
        "description_ar": "الحالة المدنية والشهادات والتصديقات في بلدية سان لويس.",
    },
    offers=(
        _offer(
            "Extrait de naissance",
            "Birth certificate",
            "شهادة ميلاد",
            6,
            300,
            (
                "Carte d'identité\nNuméro du registre",
                "Identity card\nRegistry number",
                "بطاقة الهوية\nرقم السجل",
            ),
        ),
        _offer(
            "Déclaration de naissance",
            "Registering a birth",
            "تسجيل مولود",
            15,
            0,
            (
                "Certificat d'accouchement\nCartes d'identité des parents",
                "Certificate of delivery\nParents' identity cards",
                "شهادة الولادة\nبطاقتا هوية الوالدين",
            ),
        ),
        _offer(
            "Certificat de résidence",
            "Certificate of residence",
            "شهادة إقامة",
            8,
            200,
            (
                "Carte d'identité\nFacture récente",
                "Identity card\nRecent bill",
                "بطاقة الهوية\nفاتورة حديثة",
            ),
        ),
        _offer("Légalisation", "Legalisation", "تصديق", 4, 200, _IDENTITY),
    ),
    sites=(
        Site(
            "Hôtel de ville",
            16.028153,
            -16.504861,
            "SN-SL-SD1-1",
            "Place Faidherbe, Saint-Louis",
            OFFICE_HOURS,
            ("Guichet 1", "Guichet 2", "Guichet 3"),
            (
                Line(
                    "État civil",
                    "A",
                    ("Extrait de naissance", "Déclaration de naissance", "Certificat de résidence"),
                    Policy.ONE_IN_N,
                    {"ordinary_per_priority": 3},
                ),
                Line("Légalisations", "B", ("Légalisation",), Policy.FIFO),
            ),
        ),
        Site(
            "Annexe de Sor",
            16.023288,
            -16.492259,
            "SN-SL-SD1-1",
            "Espace des Jeunes, Saint-Louis",
            OFFICE_HOURS,
            ("Guichet 1", "Guichet 2"),
            (
                Line(
                    "Guichet unique",
                    "S",
                    ("Extrait de naissance", "Certificat de résidence", "Légalisation"),
                    Policy.HEAD_START,
                ),
            ),
        ),
    ),
    staff=(
        ("manager", Role.MANAGER, ()),
        ("agent1", Role.AGENT, ("Hôtel de ville",)),
        ("agent2", Role.AGENT, ("Hôtel de ville",)),
        ("agent3", Role.AGENT, ("Annexe de Sor",)),
    ),
    skills=(("agent1", "Déclaration de naissance", "2.0"),),
)

HOSPITAL: Final = Place(
    name="Hôpital Principal de Dakar",
    category=Category.HOSPITAL,
    texts={
        "description_fr": "Consultations externes, caisse et laboratoire.",
        "description_en": "Outpatient consultations, cash desk and laboratory.",
        "description_ar": "العيادات الخارجية والصندوق والمختبر.",
    },
    offers=(
        _offer(
            "Consultation générale",
            "General consultation",
            "استشارة عامة",
            15,
            5000,
            ("Carnet de santé", "Health record", "الدفتر الصحي"),
        ),
        _offer(
            "Consultation de pédiatrie",
            "Paediatric consultation",
            "استشارة طب الأطفال",
            20,
            5000,
            ("Carnet de santé de l'enfant", "Child's health record", "الدفتر الصحي للطفل"),
        ),
        _offer("Paiement", "Payment", "الدفع", 3, 0),
        _offer(
            "Prise de sang",
            "Blood test",
            "تحليل الدم",
            7,
            3000,
            (
                "Ordonnance\nÊtre à jeun",
                "Prescription\nCome fasting",
                "وصفة طبية\nالصيام قبل التحليل",
            ),
        ),
    ),
    sites=(
        Site(
            "Consultations externes",
            14.661296,
            -17.434854,
            "SN-DK-DD1-2",
            "Avenue Nelson Mandela, Dakar-Plateau",
            OFFICE_HOURS,
            ("Salle 1", "Salle 2", "Caisse"),
            (
                Line(
                    "Consultations",
                    "C",
                    ("Consultation générale", "Consultation de pédiatrie"),
                    Policy.HEAD_START,
                ),
                Line("Caisse", "K", ("Paiement",), Policy.FIFO),
            ),
        ),
        Site(
            "Laboratoire",
            14.661344,
            -17.43477,
            "SN-DK-DD1-2",
            "Avenue Nelson Mandela, Dakar-Plateau",
            LABORATORY_HOURS,
            ("Poste 1", "Poste 2"),
            (
                Line(
                    "Prélèvements",
                    "L",
                    ("Prise de sang",),
                    Policy.ONE_IN_N,
                    {"ordinary_per_priority": 2},
                ),
            ),
        ),
    ),
    staff=(
        ("manager", Role.MANAGER, ()),
        ("agent4", Role.AGENT, ("Consultations externes",)),
        ("agent5", Role.AGENT, ("Consultations externes",)),
        ("agent6", Role.AGENT, ("Laboratoire",)),
    ),
    skills=(
        ("agent4", "Consultation de pédiatrie", "2.0"),
        ("agent5", "Consultation de pédiatrie", "0.0"),
    ),
)

_VEHICLE_PAPERS: Final = (
    "Carte grise\nAssurance en cours",
    "Registration document\nValid insurance",
    "بطاقة تسجيل المركبة\nتأمين ساري المفعول",
)


def _lanes(light: tuple[str, ...], heavy: tuple[str, ...]) -> tuple[Any, ...]:
    return (
        ("motorcycle", _named("Deux-roues", "Two-wheeler", "دراجة نارية"), 8, light),
        ("car", _named("Voiture particulière", "Car", "سيارة خاصة"), 15, light),
        ("taxi", _named("Taxi", "Taxi", "سيارة أجرة"), 15, light),
        ("heavy", _named("Camion ou autocar", "Lorry or coach", "شاحنة أو حافلة"), 30, heavy),
    )


INSPECTION: Final = Place(
    name="Centre de contrôle technique de Dakar",
    category=Category.VEHICLE_INSPECTION,
    texts={
        "description_fr": "Visites techniques et contre-visites des véhicules.",
        "description_en": "Vehicle inspections and re-inspections.",
        "description_ar": "الفحص الفني للمركبات وإعادة الفحص.",
    },
    offers=(
        _offer("Visite technique", "Inspection", "الفحص الفني", 15, 10000, _VEHICLE_PAPERS),
        _offer("Contre-visite", "Re-inspection", "إعادة الفحص", 10, 3000, _VEHICLE_PAPERS),
    ),
    sites=(
        Site(
            "Hann Bel-Air",
            14.71564,
            -17.43556,
            "SN-DK-DD2-4",
            "Hann Bel-Air, Dakar",
            LANE_HOURS,
            ("Ligne 1", "Ligne 2", "Ligne poids lourds"),
            (
                Line(
                    "Contrôle technique",
                    "V",
                    ("Visite technique", "Contre-visite"),
                    Policy.FIFO,
                    {"asks_vehicle": True},
                    _lanes(("Ligne 1", "Ligne 2"), ("Ligne poids lourds",)),
                ),
            ),
        ),
        Site(
            "Thiès",
            14.78444,
            -16.91438,
            "SN-TH-TD2-1",
            "Thiès Est",
            LANE_HOURS,
            ("Ligne 1",),
            (
                Line(
                    "Contrôle technique",
                    "T",
                    ("Visite technique", "Contre-visite"),
                    Policy.FIFO,
                    {"asks_vehicle": True},
                    _lanes(("Ligne 1",), ("Ligne 1",)),
                ),
            ),
        ),
    ),
    staff=(
        ("manager", Role.MANAGER, ()),
        ("agent7", Role.AGENT, ("Hann Bel-Air",)),
        ("agent8", Role.AGENT, ("Thiès",)),
    ),
)

PLACES: Final = (TOWN_HALL, HOSPITAL, INSPECTION)
