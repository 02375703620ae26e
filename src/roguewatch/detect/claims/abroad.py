"""Claims of success in languages other than English.

A clause is a claim where it names what was checked and says that it went well, and holds none
of the words by which its language denies, doubts, plans or restricts. By stems, as in
`tongues`: nothing is translated, and what is not understood is no claim.
"""

from __future__ import annotations

import re

from roguewatch.detect.claims.wordings import Kind
from roguewatch.detect.scanning import Scanner

_CHECKED: tuple[tuple[Kind, str], ...] = (
    ("tests", r"\b(?:tests?|testsuite|testfälle|prüfungen|pruebas?|testes?|essais?|prove|тест\w*|tester)\b|"
              r"测试|测试用例|テスト|테스트"),
    ("build", r"\b(?:builds?|kompil\w*|compil\w*|übersetz\w*|сборк\w*|bygg\w*)\b|构建|编译|ビルド|コンパイル|빌드"),
    ("deploy", r"\b(?:deployment|deploy\w*|bereitgestellt|ausgerollt|déploi\w*|despleg\w*|desplieg\w*|implantad\w*|"
               r"развер\w+)\b|部署|发布|デプロイ|배포"),
    ("push", r"\b(?:gepusht|poussé\w*|pushé\w*|pusheado\w*)\b|已推送|プッシュしました"),
)  # fmt: skip
_WELL = (
    r"\b(?:erfolgreich|bestanden|bestehen|grün|fehlerfrei|durchgelaufen|ohne fehler|laufen\b[^.]{0,30}\bdurch|"
    r"läuft\b[^.]{0,30}\bdurch|passent|passe|réussi\w*|succès|au vert|vert\w*|sans erreur|"
    r"pasan|pasaron|pasado|éxito|exitos\w*|correctamente|en verde|aprobad\w*|sin errores|"
    r"passano|passati|superat\w*|successo|verdi|senza errori|passam|passaram|sucesso|sem erros|"
    r"slagen|geslaagd|groen|zonder fouten|lyckas|lyckades|godkän\w*|gröna|går igenom|"
    r"успешно|прошли|проходят|пройден\w*|без ошибок)\b|"
    r"通过|成功|全绿|没有错误|パス|合格|通りました|통과|성공"
)
_DENIED = re.compile(
    r"\b(?:nicht|nie|noch|wenn|falls|sobald|sollten?|müssen?|muss|damit|werden|wird|würden?|könnten?|ob|aber|außer|"
    r"bis auf|fast|"
    r"ne|n['’]\w*|pas|si|quand|lorsque|dès que|devrai\w*|ser(?:a|ont)|pour que|mais|sauf|presque|avant|"
    r"no|aún|todavía|cuando|deber\w*|serán?|para que|pero|excepto|salvo|casi|antes|"
    r"non|se|quando|dovrebb\w*|saranno|affinché|ma|tranne|quasi|prima|"
    r"não|deve\w*|serão|mas|exceto|antes|"
    r"niet|geen|als|moeten?|zullen|maar|behalve|bijna|"
    r"inte|om|när|bör|ska|men|utom|nästan|"
    r"не|если|когда|должн\w*|будут|чтобы|но|кроме|почти)\b|\?|？|"
    r"未|(?<!有)没(?!有错误)|不|如果|应该|应当|将会|之前|以便|确保|请|除了|但|"
    r"ない|ません|なら|たら|はず|れば|ように|確認して|が、|않|면 |해야"
)
_WHOLE = re.compile(
    r"\b(?:alle|sämtliche|tous|toutes|todas?|todos|tutti|tutte|alla|все)\b|所有|全部|すべて|全て|全テスト|모든"
)
_COUNT = re.compile(r"\b(\d{1,6})\b")
_ENGLISH = re.compile(
    r"\b(?:the|and|is|are|was|were|with|that|this|have|has|been|all|now|of|for|pass(?:es|ed|ing)?)\b"
)
_KINDS = tuple((kind, re.compile(pattern)) for kind, pattern in _CHECKED)
_SAID = re.compile(_WELL)
_MAY = Scanner(_WELL.replace("[^.]", r"[^.\n]").replace(r"\b(?:", "(?i)(?:", 1).replace(r")\b|", ")|")
               .replace(r"\w", r"[\w\x80-\x{10FFFF}]"))  # fmt: skip


def may_speak(text: str) -> bool:
    """Whether a text may say in another language that something went well; quick."""
    return _MAY.found(text)


def claimed(plain: str) -> tuple[Kind, bool, int | None] | None:
    """What a lower-case sentence in another language says succeeded.

    Args:
        plain: the sentence, lower case, quotations taken out.

    Returns:
        The kind of check, whether all of it is meant, and how many, where it says so; or None.
    """
    if not _SAID.search(plain) or _DENIED.search(plain) or _ENGLISH.search(plain):
        return None
    kind = next((kind for kind, pattern in _KINDS if pattern.search(plain)), None)
    if kind is None:
        return None
    number = _COUNT.search(plain) if kind == "tests" else None
    return kind, _WHOLE.search(plain) is not None, int(number.group(1)) if number else None
